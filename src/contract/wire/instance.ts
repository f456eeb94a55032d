/**
 * Which process of a runner a request is for. A runner's id outlives its process, and what the process remembers of nonces
 * does not. So each process has an instance id, random and made at its start, and a clock of its own: milliseconds since that
 * start, monotonic, so that no step of a system clock moves it. A request names the instance behind its audience, with the time of
 * signing by the instance's clock: `runner-7~<instance id>@<milliseconds>`. What was signed for another process is not executed.
 */
import { isObject } from "../codec/limits.ts";
import { wholePattern, wholeText } from "./numbers.ts";

/** What a process says of itself to those who hold the secret. */
export interface InstanceNote {
  /** 128 random bits, base64url. */
  readonly id: string;
  /** Its clock when it said so: milliseconds since its start. */
  readonly nowMs: number;
}

/** The longest audience that fits the head of a request. */
const longestAudience = 512;

/** The audience of a request that asks a runner for its instance. Nothing is executed for it. */
export const askingAudience = (runner: string): string => `${runner}~?`;

/** The audience with one more process of the runner that may execute the request; the same where it would be too long. */
export const withInstance = (audience: string, id: string, atMs: number): string => {
  const longer = `${audience}~${id}@${wholeText(atMs)}`;
  return longer.length > longestAudience ? audience : longer;
};

const pattern = new RegExp(`^(.*?)(~\\?|(?:~[A-Za-z0-9_-]{22}@${wholePattern})+)?$`);

/** An audience, taken apart. */
export interface Addressee {
  /** A runner's id, or `*`. */
  readonly runner: string;
  /** `asking` for an instance; else the instances that it names, as they were written; `undefined` when it names none. */
  readonly instances: "asking" | { readonly text: string } | undefined;
}

export const readAudience = (audience: string): Addressee => {
  const match = audience.includes("~") ? pattern.exec(audience) : null;
  const text = match?.[2];
  if (match === null || text === undefined) return { runner: audience, instances: undefined };
  return { runner: match[1]!, instances: text === "~?" ? "asking" : { text } };
};

/** When a request was signed by the clock of this instance; `undefined` when it does not name it. */
export const signedAtMs = (instances: string, id: string): number | undefined => {
  const mark = `~${id}@`;
  const at = instances.indexOf(mark);
  if (at === -1) return undefined;
  const from = at + mark.length;
  const to = instances.indexOf("~", from);
  return Number(to === -1 ? instances.slice(from) : instances.slice(from, to));
};

/** Reads a note out of what a runner sent; `undefined` when it is none. */
export const readInstanceNote = (value: unknown): InstanceNote | undefined => {
  if (!isObject(value)) return undefined;
  const { id, nowMs } = value;
  if (typeof id !== "string" || !/^[A-Za-z0-9_-]{22}$/.test(id)) return undefined;
  return typeof nowMs === "number" && nowMs >= 0 ? { id, nowMs } : undefined;
};
