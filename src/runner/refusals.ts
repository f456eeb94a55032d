/** What a refused request leaves in the log and in the metrics. */
import type { Logger } from "../contract/options.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { ResolvedRunnerOptions } from "./options.ts";
import type { Refused } from "./verify.ts";

interface RefusalDeps {
  readonly telemetry: Telemetry;
  readonly logger: Logger;
}

/** Milliseconds between two records of requests that were not signed or not complete: strangers must not fill the log. */
const quietMs = 10_000;

/** Reports refused requests to log and metrics; a missing secret once, and what strangers send at most every ten seconds. */
export const reportRefusals = (
  options: Pick<ResolvedRunnerOptions, "runnerId" | "poolName">,
  deps: RefusalDeps,
): ((refused: Refused) => void) => {
  let told = false;
  let quietUntil = -Infinity;
  let unreported = 0;
  return ({ error, reason, detail }) => {
    if (reason !== undefined) {
      deps.telemetry.emit({ _tag: "SignatureRejected", pool: options.poolName, reason, detail });
    } else if (error.code !== "config_error") {
      const now = performance.now();
      if (now < quietUntil) {
        unreported++;
        return;
      }
      quietUntil = now + quietMs;
      const more = unreported === 0 ? "" : ` ${unreported} more were refused since the last record of this kind.`;
      unreported = 0;
      deps.logger.warn(`Runner ${options.runnerId} refused a request: ${detail}${more}`);
    } else if (!told) {
      told = true;
      deps.logger.error(detail);
    }
  };
};
