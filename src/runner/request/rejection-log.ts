/** Reports rejected requests to the log and to metrics. */
import { header } from "../../contract/wire/envelope.ts";
import { HEARTBEAT_METHOD } from "../../contract/wire/heartbeat.ts";
import type { Logger } from "../../contract/config/options.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import type { Incoming } from "../http/incoming.ts";
import type { ResolvedRunnerOptions } from "../options.ts";
import type { Rejected } from "./rejected.ts";

interface RejectionLogDeps {
  readonly telemetry: Telemetry;
  readonly logger: Logger;
}

/**
 * Minimum interval between two log records of unsigned or incomplete requests, in milliseconds, so that they do not
 * flood the log.
 */
const quietMs = 10_000;

/** The rejected requests of a runner. */
export interface RejectionLog {
  /** Reports a rejection. A missing secret is logged once, and unsigned requests at most every ten seconds. */
  report(rejected: Rejected, incoming: RejectedSource): void;
  /** A request was accepted, so earlier rejected heartbeats are irrelevant. */
  accepted(): void;
  /** How rejected heartbeats explain the silence of the parent; `undefined` if there are none. */
  explainSilence(): string | undefined;
}

/** What was rejected: a request, the HELLO of a link, without which no heartbeat arrives, or a frame of a link. */
export type RejectedSource = Pick<Incoming, "header"> | "hello" | "frame";

/** Whether a request claims to be a heartbeat. The claim is not verified. */
const claimsHeartbeat = (incoming: RejectedSource): boolean =>
  typeof incoming === "string"
    ? incoming === "hello"
    : incoming.header(header.request)?.split(" ", 2)[1] === HEARTBEAT_METHOD;

export const makeRejectionLog = (
  options: Pick<ResolvedRunnerOptions, "runnerId" | "poolName" | "orphanTimeoutMs">,
  deps: RejectionLogDeps,
): RejectionLog => {
  const { runnerId, poolName: pool, orphanTimeoutMs } = options;
  let secretMissingLogged = false;
  let quietUntil = -Infinity;
  let unreported = 0;
  let heartbeats = 0;
  let last = "";

  const reportHeartbeat = ({ error, detail }: Rejected, timeoutMs: number): void => {
    heartbeats++;
    last = detail;
    deps.telemetry.emit({
      _tag: "HeartbeatRefused",
      by: "runner",
      pool,
      runnerId,
      code: error.code,
      detail,
      count: heartbeats,
      orphanTimeoutMs: timeoutMs,
    });
  };

  const reportUnsigned = (detail: string): void => {
    const now = performance.now();
    if (now < quietUntil) {
      unreported++;
      return;
    }
    quietUntil = now + quietMs;
    const more = unreported === 0 ? "" : ` ${unreported} more were rejected since the last record of this kind.`;
    unreported = 0;
    deps.logger.warn(`Runner ${runnerId} rejected a request: ${detail}${more}`);
  };

  return {
    report: (rejected, incoming) => {
      const { error, reason, detail } = rejected;
      if (orphanTimeoutMs !== undefined && claimsHeartbeat(incoming)) reportHeartbeat(rejected, orphanTimeoutMs);
      if (reason !== undefined) {
        deps.telemetry.emit({ _tag: "SignatureRejected", pool, reason, detail });
      } else if (error.code !== "config_error") {
        reportUnsigned(detail);
      } else if (!secretMissingLogged) {
        secretMissingLogged = true;
        deps.logger.error(detail);
      }
    },
    accepted: () => {
      heartbeats = 0;
    },
    explainSilence: () =>
      heartbeats === 0
        ? undefined
        : `${heartbeats === 1 ? "one heartbeat" : `${heartbeats} heartbeats`} arrived but was rejected: ${last}`,
  };
};
