/** What a refused request leaves in the log and in the metrics. */
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

/** Milliseconds between two records of requests that were not signed or not complete: strangers must not fill the log. */
const quietMs = 10_000;

/** What a runner has refused. */
export interface RejectionLog {
  /** Reports a refusal to log and metrics; a missing secret once, and what strangers send at most every ten seconds. */
  report(rejected: Rejected, incoming: Pick<Incoming, "header">): void;
  /** A request was accepted: the heartbeats that were refused before it do not matter any more. */
  accepted(): void;
  /** What refused heartbeats have to do with the silence of the parent; `undefined` for nothing. */
  explainSilence(): string | undefined;
}

/** Whether a request says that it is a heartbeat. Anybody can say so. */
const claimsHeartbeat = (incoming: Pick<Incoming, "header">): boolean =>
  incoming.header(header.request)?.split(" ", 2)[1] === HEARTBEAT_METHOD;

export const makeRejectionLog = (
  options: Pick<ResolvedRunnerOptions, "runnerId" | "poolName" | "orphanTimeoutMs">,
  deps: RejectionLogDeps,
): RejectionLog => {
  const { runnerId, poolName: pool, orphanTimeoutMs } = options;
  let told = false;
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

  const reportStranger = (detail: string): void => {
    const now = performance.now();
    if (now < quietUntil) {
      unreported++;
      return;
    }
    quietUntil = now + quietMs;
    const more = unreported === 0 ? "" : ` ${unreported} more were refused since the last record of this kind.`;
    unreported = 0;
    deps.logger.warn(`Runner ${runnerId} refused a request: ${detail}${more}`);
  };

  return {
    report: (rejected, incoming) => {
      const { error, reason, detail } = rejected;
      if (orphanTimeoutMs !== undefined && claimsHeartbeat(incoming)) reportHeartbeat(rejected, orphanTimeoutMs);
      if (reason !== undefined) {
        deps.telemetry.emit({ _tag: "SignatureRejected", pool, reason, detail });
      } else if (error.code !== "config_error") {
        reportStranger(detail);
      } else if (!told) {
        told = true;
        deps.logger.error(detail);
      }
    },
    accepted: () => {
      heartbeats = 0;
    },
    explainSilence: () =>
      heartbeats === 0
        ? undefined
        : `${heartbeats === 1 ? "one heartbeat" : `${heartbeats} heartbeats`} came and could not be accepted: ${last}`,
  };
};
