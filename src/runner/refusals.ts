/** What a refused request leaves in the log and in the metrics. */
import type { Logger } from "../contract/options.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { ResolvedRunnerOptions } from "./options.ts";
import type { Refused } from "./refused.ts";

interface RefusalDeps {
  readonly telemetry: Telemetry;
  readonly logger: Logger;
}

/** Tells the log and the metrics of a refusal; the want of a secret once. */
export const reportRefusals = (
  options: Pick<ResolvedRunnerOptions, "runnerId" | "poolName">,
  deps: RefusalDeps,
): ((refused: Refused) => void) => {
  let told = false;
  return ({ error, reason, detail }) => {
    if (reason !== undefined) {
      deps.telemetry.emit({ _tag: "SignatureRejected", pool: options.poolName, reason, detail });
    } else if (error.code !== "config_error") {
      deps.logger.warn(`Runner ${options.runnerId} refused a request: ${detail}`);
    } else if (!told) {
      told = true;
      deps.logger.error(detail);
    }
  };
};
