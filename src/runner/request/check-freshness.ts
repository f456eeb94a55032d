/** Refuses requests that are not meant for this process, now, and for the first time, and says why. */
import type { RequestHead } from "../../contract/wire/envelope.ts";
import { InvokeError } from "../../contract/errors.ts";
import { HEARTBEAT_METHOD } from "../../contract/wire/heartbeat.ts";
import type { Addressee, InstanceNote } from "../../contract/wire/instance.ts";
import type { Freshness } from "./freshness.ts";
import { reject, type Rejected, signatureError } from "./rejected.ts";

type Signer = NonNullable<Rejected["signer"]>;

const replayed = (head: RequestHead): Rejected =>
  reject(401, signatureError("This request was received before. Sign each attempt with a nonce of its own."), {
    reason: "replay",
    detail: `The nonce of invocation ${head.invocationId}, attempt ${head.attempt}, was used before.`,
  });

const forgotten = (head: RequestHead): Rejected =>
  reject(
    401,
    signatureError(
      "This runner no longer remembers what it was sent at the time at which this request was created, and cannot tell it from a replay: " +
        "it was under way too long, or a clock was set back. Name the runner's instance in the audience, as Firelight's parents do.",
    ),
    {
      reason: "expired",
      detail: `Invocation ${head.invocationId}, attempt ${head.attempt}, was created at a time of which this runner has forgotten the nonces: it was under way too long, or a clock was set back.`,
    },
  );

/** It becomes valid when this process's clock gets there, so nothing is signed. */
const ahead = (head: RequestHead): Rejected =>
  reject(
    401,
    signatureError(
      "The request was signed for a later time by this process's clock than its window allows: the runner's machine slept. The next request is signed anew.",
    ),
    {
      reason: "expired",
      detail: `Invocation ${head.invocationId}, attempt ${head.attempt}, is ahead of this process's monotonic clock by more than the window: this machine slept.`,
    },
  );

const memoryFull = (runnerId: string, windowMs: number): Rejected =>
  reject(
    503,
    new InvokeError(
      "unavailable",
      `Runner ${runnerId} cannot remember more requests for now, and runs none that it could not recognize again.`,
      { phase: "runner_queue", retryAfterMs: windowMs },
    ),
  );

/** A replay to the process after the one that took it looks the same, so nothing is signed. */
const beforeStart = (runnerId: string, aheadMs: number): Rejected =>
  reject(
    503,
    new InvokeError(
      "unavailable",
      `The request was created ${aheadMs} ms before runner ${runnerId} began, by its clock, and names no instance: the runner cannot know whether the process before it took it. Sign it again later, or name the instance.`,
      { executed: "no", phase: "runner_queue", retryAfterMs: aheadMs },
    ),
    { reason: "instance" },
  );

const unnamed: Readonly<Record<"asking" | "other" | "late", string>> = {
  asking: "it asked for the runner's instance",
  other: "it was signed for another process, before a restart or behind the same address",
  late: "its time is outside of the window by this process's clock",
};

/** For a parent that is to sign again. Signed: no process executes what does not name it, and this one never saw the nonce. */
const notForThisProcess = (
  runnerId: string,
  verdict: keyof typeof unnamed,
  signer: Signer,
  instance: InstanceNote,
): Rejected =>
  reject(
    503,
    new InvokeError("unavailable", `Runner ${runnerId} did not run the request: ${unnamed[verdict]}. Sign it again.`, {
      executed: "no",
      phase: "runner_queue",
    }),
    { reason: "instance", signer, instance },
  );

/** `undefined` for a request that may be executed, and for a heartbeat that asks for the instance. */
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
  const verdict = freshness.use(head, instances, heartbeat);
  switch (verdict) {
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
      return notForThisProcess(runnerId, verdict, signer, freshness.note);
  }
};
