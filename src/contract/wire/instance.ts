/**
 * Identifies the process of a runner that a request is for. A runner's id outlives its process, but the nonces that the
 * process remembers do not. So each process has a random instance id and a clock: monotonic milliseconds since its
 * start, unaffected by steps of the system clock. A request names the instance after its audience, with the signing
 * time by the instance's clock: `runner-7~<instance id>@<milliseconds>`. A request signed for another process is not
 * executed.
 */
import { isObject } from "../codec/limits.ts";
import { wholePattern, wholeText } from "./numbers.ts";

/** The identity of a process, which it tells to holders of the secret. */
export interface InstanceNote {
  /** 128 random bits, base64url. */
  readonly id: string;
  /** Its clock at that time: milliseconds since its start. */
  readonly nowMs: number;
}

/** Maximum length of an audience in the head of a request. */
const longestAudience = 512;

/** The audience of a request that queries a runner's instance. It executes nothing. */
export const askingAudience = (runner: string): string => `${runner}~?`;

/**
 * Adds a process of the runner that may execute the request to the audience; returns it unchanged if it would be too
 * long.
 */
export const withInstance = (audience: string, id: string, atMs: number): string => {
  const longer = `${audience}~${id}@${wholeText(atMs)}`;
  return longer.length > longestAudience ? audience : longer;
};

const pattern = new RegExp(`^(.*?)(~\\?|(?:~[A-Za-z0-9_-]{22}@${wholePattern})+)?$`);

/** The parts of an audience. */
export interface Addressee {
  /** A runner's id, or `*`. */
  readonly runner: string;
  /**
   * `asking` for an instance query; otherwise the instances that it names, as written; `undefined` if it names none.
   */
  readonly instances: "asking" | { readonly text: string } | undefined;
}

export const readAudience = (audience: string): Addressee => {
  const match = audience.includes("~") ? pattern.exec(audience) : null;
  const text = match?.[2];
  if (match === null || text === undefined) return { runner: audience, instances: undefined };
  return { runner: match[1]!, instances: text === "~?" ? "asking" : { text } };
};

/** Returns when a request was signed, by the clock of this instance; `undefined` if it does not name it. */
export const signedAtMs = (instances: string, id: string): number | undefined => {
  const mark = `~${id}@`;
  const at = instances.indexOf(mark);
  if (at === -1) return undefined;
  const from = at + mark.length;
  const to = instances.indexOf("~", from);
  return Number(to === -1 ? instances.slice(from) : instances.slice(from, to));
};

/** Whether a text is an instance id. */
export const isInstanceId = (text: string): boolean => /^[A-Za-z0-9_-]{22}$/.test(text);

/** Parses the identity in a runner's response; `undefined` if there is none. */
export const readInstanceNote = (value: unknown): InstanceNote | undefined => {
  if (!isObject(value)) return undefined;
  const { id, nowMs } = value;
  if (typeof id !== "string" || !isInstanceId(id)) return undefined;
  return typeof nowMs === "number" && nowMs >= 0 ? { id, nowMs } : undefined;
};
