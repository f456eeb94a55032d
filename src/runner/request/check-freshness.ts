/** Rejects replays, stale requests, and requests for another process. */
import type { RequestHead } from "../../contract/wire/envelope.ts";
import { InvokeError } from "../../contract/errors.ts";
import { HEARTBEAT_METHOD } from "../../contract/wire/heartbeat.ts";
import type { Addressee, InstanceNote } from "../../contract/wire/instance.ts";
import type { Freshness } from "./freshness.ts";
import { reject, type Rejected, signatureError } from "./rejected.ts";

type Signer = NonNullable<Rejected["signer"]>;

const replayed = (head: RequestHead): Rejected =>
  reject(
    401,
    signatureError("This request is a replay: its nonce was used before. Sign each attempt with a new nonce."),
    {
      reason: "replay",
      detail: `The nonce of invocation ${head.invocationId}, attempt ${head.attempt}, was used before.`,
    },
  );

const forgotten = (head: RequestHead): Rejected =>
  reject(
    401,
    signatureError(
      "This runner no longer has the nonces of the time at which this request was created, so the request could be a replay: " +
        "it was in transit too long, or a clock was set back. Name the runner's instance in the audience, as Firelight's parents do.",
    ),
    {
      reason: "expired",
      detail: `Invocation ${head.invocationId}, attempt ${head.attempt}, was created at a time whose nonces this runner no longer has: it was in transit too long, or a clock was set back.`,
    },
  );

/** The request can become valid later by this process's clock, so the response is not signed. */
const ahead = (head: RequestHead): Rejected =>
  reject(
    401,
    signatureError(
      "The request was signed for a time after the window, by this process's clock: the runner's machine slept. The next request gets a new signature.",
    ),
    {
      reason: "expired",
      detail: `Invocation ${head.invocationId}, attempt ${head.attempt}, is ahead of this process's monotonic clock by more than the window: this machine slept.`,
    },
  );

const memoryFull = (runnerId: string, windowMs: number): Rejected =>
  reject(
    503,
    new InvokeError("unavailable", `Runner ${runnerId} rejected the request: its replay cache is full. Retry later.`, {
      phase: "runner_queue",
      retryAfterMs: windowMs,
    }),
  );

/** A replay of a request to the previous process looks the same, so the response is not signed. */
const beforeStart = (runnerId: string, aheadMs: number): Rejected =>
  reject(
    503,
    new InvokeError(
      "unavailable",
      `The request was created ${aheadMs} ms before runner ${runnerId} started, by its clock, and names no instance: the previous process may have run it. Sign it again later, or name the instance.`,
      { executed: "no", phase: "runner_queue", retryAfterMs: aheadMs },
    ),
    { reason: "instance" },
  );

const unnamed: Readonly<Record<"asking" | "other" | "late", string>> = {
  asking: "it asked for the runner's instance",
  other: "it was signed for another process, before a restart or behind the same address",
  late: "its time is outside the window by this process's clock",
};

/**
 * Tells the parent to sign the request again. The response is signed: no process runs a request that does not name it.
 */
const notForThisProcess = (
  runnerId: string,
  result: keyof typeof unnamed,
  signer: Signer,
  instance: InstanceNote,
): Rejected =>
  reject(
    503,
    new InvokeError("unavailable", `Runner ${runnerId} did not run the request: ${unnamed[result]}. Sign it again.`, {
      executed: "no",
      phase: "runner_queue",
    }),
    { reason: "instance", signer, instance },
  );

/** The rejection; `undefined` for a request that may run, and for a heartbeat that asks for the instance. */
export const checkFreshness = (
  freshness: Freshness,
  runnerId: string,
  { instances }: Addressee,
  signer: Signer,
): Rejected | undefined => {
  const { head } = signer;
  const heartbeat = head.method === HEARTBEAT_METHOD;
  if (instances === "asking") {
    return heartbeat ? undefined : notForThisProcess(runnerId, instances, signer, freshness.note);
  }
  const result = freshness.use(head, instances, heartbeat);
  switch (result) {
    case "fresh":
      return undefined;
    case "replay":
      return replayed(head);
    case "stale":
      return forgotten(head);
    case "ahead":
      return ahead(head);
    case "full":
      return memoryFull(runnerId, freshness.windowMs);
    case "early":
      return beforeStart(runnerId, freshness.beforeStartMs(head));
    case "other":
    case "late":
      return notForThisProcess(runnerId, result, signer, freshness.note);
  }
};
