/**
 * Checks with a signed ping that a runner and this machine have the same secret,
 * in both directions, and measures the difference of their clocks. Nothing is
 * executed: the ping asks for a method that no runner has.
 */
import { wallClockMs, clockOffset } from "../../contract/wire/clock.ts";
import { ANY_RUNNER, httpStatus } from "../../contract/wire/envelope.ts";
import { decodeErrorBody } from "../../contract/wire/error-body.ts";
import {
  forInstance,
  type Ping,
  type PingReading,
  readPing,
  signPing,
  signQuestion,
} from "../../contract/wire/ping.ts";
import type { ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import type { SigningKey } from "../../contract/wire/signature.ts";
import { alertOf } from "../alerts.ts";
import { duration, harmless } from "../terminal.ts";
import { type Answer, ask } from "../unreachable.ts";
import { type Finding, failed, ok } from "./finding.ts";

/** No runner has a method of this name. */
const method = "flame.doctor/ping";

/** What there is to know of a runner before it is asked. */
export interface SignatureQuestion {
  readonly url: string;
  readonly invokePath: string;
  readonly key: SigningKey;
  /** The runner's id, where it is known. */
  readonly audience: string | undefined;
  readonly windowMs: number;
  readonly connection: ResolvedConnection;
}

interface Exchange {
  readonly answer: Answer;
  readonly reading: PingReading;
  readonly sentMs: number;
  readonly answeredMs: number;
}

const send = async (question: SignatureQuestion, ping: Ping): Promise<Exchange | undefined> => {
  const { url, invokePath, key, connection } = question;
  const { headers, body: pinged } = ping;
  const sentAt = performance.now();
  const answer = await ask(`${url}${invokePath}`, { method: "POST", headers, body: pinged, connection, base: url });
  const answeredMs = wallClockMs();
  const sentMs = answeredMs - (performance.now() - sentAt);
  if ("problem" in answer) return undefined;
  const { status, body } = answer;
  const reading = readPing(ping, { status, header: (name) => answer.header(name), body }, key);
  return { answer, reading, sentMs, answeredMs };
};

const accepted = ({ answer, reading }: Exchange): boolean => reading._tag === "signed" && answer.status === 200;

/** Asks for the runner's process and sends it a ping, as if this machine's clock were `aheadMs` ahead of what it is. */
const exchange = async (question: SignatureQuestion, aheadMs: number): Promise<Exchange | undefined> => {
  const { key, audience = ANY_RUNNER } = question;
  const wish = { method, audience, timeoutMs: 5_000, createdMs: wallClockMs() + aheadMs };
  const asked = await send(question, signQuestion(wish, key));
  if (asked === undefined || !accepted(asked)) return asked;
  return send(question, signPing(forInstance(wish, asked.answer), key));
};

/** A runner says by how much a request is outside of its window; that is how much its clock is ahead. */
const admittedSkew = (message: string): number | undefined => {
  const [, ms, direction] = /signed (\d+) ms (before|after) this runner's clock/.exec(message) ?? [];
  if (ms === undefined) return undefined;
  return direction === "before" ? Number(ms) : -Number(ms);
};

const synchronize = "Synchronize the clocks (NTP, chrony); as a last resort, raise security.windowMs on the runner.";

/** Half of the window is the other machine's to use up. */
const tolerated = 0.5;

const clockFinding = ({ reading, sentMs, answeredMs }: Exchange, windowMs: number): Finding | undefined => {
  if (reading._tag !== "signed") return undefined;
  const { receivedMs, sentMs: repliedMs } = reading.head.timings;
  const offsetMs = clockOffset({ sentMs, receivedMs, repliedMs, answeredMs });
  const uncertainMs = Math.max(0, answeredMs - sentMs - (repliedMs - receivedMs)) / 2;
  const direction = offsetMs >= 0 ? "ahead of" : "behind";
  const seen = `the runner's is ${duration(Math.abs(offsetMs))} ${direction} this machine's, give or take ${duration(uncertainMs)}; signatures hold within ${duration(windowMs)}`;
  return Math.abs(offsetMs) <= windowMs * tolerated
    ? ok("clock", seen)
    : failed("clock", seen, synchronize, alertOf.clock);
};

const refusals: Readonly<Record<number, string>> = {
  404: "Is invokePath the same on both sides?",
  405: "Is invokePath the same on both sides?",
  415: "Something between the two changes the content-type.",
};

const unsigned = ({ answer }: Exchange, malformed: string, { url, invokePath, key }: SignatureQuestion): Finding => {
  const error = decodeErrorBody(answer.body);
  if (error?.code === "config_error")
    return failed(
      "signature",
      "the runner has no secret, and runs nothing",
      harmless(error.message),
      alertOf.signature,
    );
  if (error?.code === "signature_error") {
    return failed(
      "signature",
      `the runner refused the request: ${harmless(error.message)}`,
      `Its secret or key id is another one than that of this configuration (key id "${key.id}"). Set both sides to the same; the runner's log names the reason.`,
      alertOf.signature,
    );
  }
  const said = error === undefined ? harmless(answer.text()).slice(0, 160) : harmless(error.message);
  return failed(
    "signature",
    `${url}${invokePath} answered ${answer.status} without a runner's signature (${malformed}): ${said}`,
    refusals[answer.status] ??
      "Check the address and invokePath, and whether a proxy stands between and drops headers.",
    alertOf.signature,
  );
};

const signed = ({ answer }: Exchange, runnerId: string, audience: string | undefined): Finding => {
  const held = "it holds in both directions";
  const error = decodeErrorBody(answer.body);
  if (answer.status === httpStatus.registry_error) return ok("signature", `${held}; the runner is ${runnerId}`);
  if (error?.code === "signature_error") {
    return failed(
      "signature",
      `${held}, but the runner is ${runnerId}, and the configuration calls it ${audience ?? "something else"}`,
      "Correct the runner's id or URL in the pool, or its FLAME_RUNNER_ID.",
      alertOf.signature,
    );
  }
  return ok(
    "signature",
    `${held}; the runner is ${runnerId}, and takes no work now: ${harmless(error?.message ?? "")}`,
  );
};

const judge = async (first: Exchange, question: SignatureQuestion): Promise<ReadonlyArray<Finding>> => {
  const { reading, answer } = first;
  switch (reading._tag) {
    case "signed":
      return [
        signed(first, reading.head.runnerId, question.audience),
        ...[clockFinding(first, question.windowMs)].flatMap((finding) => finding ?? []),
      ];
    case "forged":
      return [
        failed(
          "signature",
          "the runner took the request, and signed its answer with another secret",
          "Give the key id the same secret on both sides.",
          alertOf.signature,
        ),
      ];
    case "unsigned": {
      const skewMs = admittedSkew(decodeErrorBody(answer.body)?.message ?? "");
      const second = skewMs === undefined ? undefined : await exchange(question, skewMs);
      if (second === undefined || second.reading._tag !== "signed")
        return [unsigned(first, reading.malformed, question)];
      const direction = skewMs! > 0 ? "ahead of" : "behind";
      return [
        signed(second, second.reading.head.runnerId, question.audience),
        failed(
          "clock",
          `the runner's is ${duration(Math.abs(skewMs!))} ${direction} this machine's, and it refuses every request for that`,
          synchronize,
          alertOf.clock,
        ),
      ];
    }
  }
};

/** Looks at signature and clock; nothing when the runner did not answer. */
export const checkSignature = async (question: SignatureQuestion): Promise<ReadonlyArray<Finding>> => {
  const first = await exchange(question, 0);
  return first === undefined ? [] : judge(first, question);
};
