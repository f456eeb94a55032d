/**
 * Sends a signed ping to check that a runner and this machine have the same secret, in both directions, and to measure
 * the difference of their clocks. Nothing is executed: the ping calls a method that no runner has.
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
import { formatDuration } from "../../contract/format-numbers.ts";
import { harmless } from "../terminal.ts";
import { type Answer, ask } from "../unreachable.ts";
import { type Finding, failed, ok } from "./finding.ts";

/** No runner has a method of this name. */
const method = "flame.doctor/ping";

/** The settings needed to ping a runner. */
export interface SignatureTarget {
  readonly url: string;
  readonly invokePath: string;
  readonly key: SigningKey;
  /** The runner's id, if known. */
  readonly audience: string | undefined;
  readonly windowMs: number;
  readonly connection: ResolvedConnection;
}

interface PingResult {
  readonly answer: Answer;
  readonly reading: PingReading;
  readonly sentMs: number;
  readonly answeredMs: number;
}

const send = async (target: SignatureTarget, ping: Ping): Promise<PingResult | undefined> => {
  const { url, invokePath, key, connection } = target;
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

const accepted = ({ answer, reading }: PingResult): boolean => reading._tag === "signed" && answer.status === 200;

/** Queries the runner's process and sends it a ping, as if this machine's clock were `aheadMs` ahead. */
const pingRunner = async (target: SignatureTarget, aheadMs: number): Promise<PingResult | undefined> => {
  const { key, audience = ANY_RUNNER } = target;
  const request = { method, audience, timeoutMs: 5_000, createdMs: wallClockMs() + aheadMs };
  const asked = await send(target, signQuestion(request, key));
  if (asked === undefined || !accepted(asked)) return asked;
  return send(target, signPing(forInstance(request, asked.answer), key));
};

/**
 * Reads the clock difference from the runner's error message, which states how far a request is outside of its window.
 */
const reportedSkew = (message: string): number | undefined => {
  const [, ms, direction] = /signed (\d+) ms (before|after) this runner's clock/.exec(message) ?? [];
  if (ms === undefined) return undefined;
  return direction === "before" ? Number(ms) : -Number(ms);
};

const synchronize = "Synchronize the clocks (NTP, chrony); as a last resort, raise security.windowMs on the runner.";

/** The share of the window that the difference may use up; the rest is left to other machines. */
const toleratedShare = 0.5;

const clockFinding = ({ reading, sentMs, answeredMs }: PingResult, windowMs: number): Finding | undefined => {
  if (reading._tag !== "signed") return undefined;
  const { receivedMs, sentMs: repliedMs } = reading.head.timings;
  const offsetMs = clockOffset({ sentMs, receivedMs, repliedMs, answeredMs });
  const uncertainMs = Math.max(0, answeredMs - sentMs - (repliedMs - receivedMs)) / 2;
  const direction = offsetMs >= 0 ? "ahead of" : "behind";
  const seen = `the runner's clock is ${formatDuration(Math.abs(offsetMs))} ${direction} this machine's, ±${formatDuration(uncertainMs)}; signatures are valid within ${formatDuration(windowMs)}`;
  return Math.abs(offsetMs) <= windowMs * toleratedShare
    ? ok("clock", seen)
    : failed("clock", seen, synchronize, alertOf.clock);
};

const remedies: Readonly<Record<number, string>> = {
  404: "Use the same invokePath on both sides.",
  405: "Use the same invokePath on both sides.",
  415: "A proxy changes the content type. Configure it to forward the header.",
};

const unsigned = ({ answer }: PingResult, malformed: string, { url, invokePath, key }: SignatureTarget): Finding => {
  const error = decodeErrorBody(answer.body);
  if (error?.code === "config_error")
    return failed(
      "signature",
      "the runner has no secret, so it rejects every request",
      harmless(error.message),
      alertOf.signature,
    );
  if (error?.code === "signature_error") {
    return failed(
      "signature",
      `the runner rejected the request: ${harmless(error.message)}`,
      `Its secret or key id differs from this configuration's (key id "${key.id}"). Set both sides to the same values. The runner's log has the reason.`,
      alertOf.signature,
    );
  }
  const detail = error === undefined ? harmless(answer.text()).slice(0, 160) : harmless(error.message);
  return failed(
    "signature",
    `${url}${invokePath} responded ${answer.status} without a runner's signature (${malformed}): ${detail}`,
    remedies[answer.status] ?? "Check the address and invokePath, and whether a proxy drops headers.",
    alertOf.signature,
  );
};

const signed = ({ answer }: PingResult, runnerId: string, audience: string | undefined): Finding => {
  const valid = "valid in both directions";
  const error = decodeErrorBody(answer.body);
  if (answer.status === httpStatus.registry_error) return ok("signature", `${valid}; the runner is ${runnerId}`);
  if (error?.code === "signature_error") {
    return failed(
      "signature",
      `${valid}, but the runner is ${runnerId} while the configuration names it ${audience ?? "differently"}`,
      "Correct the runner's id or URL in the pool, or its FLAME_RUNNER_ID variable.",
      alertOf.signature,
    );
  }
  return ok(
    "signature",
    `${valid}; the runner is ${runnerId}, but does not accept calls now: ${harmless(error?.message ?? "")}`,
  );
};

const assess = async (first: PingResult, target: SignatureTarget): Promise<ReadonlyArray<Finding>> => {
  const { reading, answer } = first;
  switch (reading._tag) {
    case "signed":
      return [
        signed(first, reading.head.runnerId, target.audience),
        ...[clockFinding(first, target.windowMs)].flatMap((finding) => finding ?? []),
      ];
    case "forged":
      return [
        failed(
          "signature",
          "the runner accepted the request, but signed its response with a different secret",
          "Give the key id the same secret on both sides.",
          alertOf.signature,
        ),
      ];
    case "unsigned": {
      const skewMs = reportedSkew(decodeErrorBody(answer.body)?.message ?? "");
      const second = skewMs === undefined ? undefined : await pingRunner(target, skewMs);
      if (second === undefined || second.reading._tag !== "signed") return [unsigned(first, reading.malformed, target)];
      const direction = skewMs! > 0 ? "ahead of" : "behind";
      return [
        signed(second, second.reading.head.runnerId, target.audience),
        failed(
          "clock",
          `the runner's clock is ${formatDuration(Math.abs(skewMs!))} ${direction} this machine's, so it rejects every request`,
          synchronize,
          alertOf.clock,
        ),
      ];
    }
  }
};

/** Checks signature and clock. Returns no findings if the runner did not respond. */
export const checkSignature = async (target: SignatureTarget): Promise<ReadonlyArray<Finding>> => {
  const first = await pingRunner(target, 0);
  return first === undefined ? [] : assess(first, target);
};
