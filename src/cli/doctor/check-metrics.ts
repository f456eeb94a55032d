/** Checks a metrics endpoint: that it can be scraped and has the metrics that the dashboards need. */
import { withoutSecrets } from "../../contract/config/runner-url.ts";
import { metrics, type MetricSpec } from "../../telemetry/catalog.ts";
import { alertOf } from "../alerts.ts";
import { formatCount } from "../../contract/format-numbers.ts";
import { harmless } from "../terminal.ts";
import { ask, type RequestOptions } from "../unreachable.ts";
import { type Exposition, readExposition } from "./exposition.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";

const check = "metrics";

const serveThem =
  "Serve the result of await flame.metrics() there, with flame.metrics.contentType as the content type: see docs/metrics.md.";

/** OpenMetrics names a counter without the suffix of its samples. */
const isThere = ({ families }: Exposition, { name }: MetricSpec): boolean =>
  families.has(name) || families.has(name.replace(/_total$/, ""));

const exemplarText = ({ format, exemplars }: Exposition): string => {
  if (format !== "OpenMetrics")
    return "no exemplars, because the format has none: with OpenMetrics, graphs link to traces";
  return exemplars === 0 ? "exemplars are on (none yet)" : `exemplars are on (${exemplars})`;
};

const assess = (address: string, side: "parent" | "runner", found: Exposition): Finding => {
  const wanted = Object.values<MetricSpec>(metrics).filter((spec) => spec.side === side || spec.side === "both");
  const missing = wanted.filter((spec) => !isThere(found, spec));
  const seen = `${address}: ${found.format}, ${formatCount(found.samples, "sample")}`;
  if (missing.length === wanted.length)
    return failed(check, `${seen}, but none of Firelight's metrics`, serveThem, alertOf.metricsAbsent);
  if (missing.length > 0) {
    const names = missing.slice(0, 3).map(({ name }) => name);
    return failed(
      check,
      `${seen}, but not all of Firelight's metrics: ${names.join(", ")}${missing.length > 3 ? " and more" : ""} ${missing.length === 1 ? "is" : "are"} missing`,
      side === "parent" && missing.some(({ side }) => side === "parent")
        ? "Check that this is the parent and the registry of its instance, and that parent and CLI have the same version."
        : "Serve the registry of the instance.",
      alertOf.metricsAbsent,
    );
  }
  return ok(check, `${seen}, all ${wanted.length} of the ${side}'s metrics; ${exemplarText(found)}`);
};

/** Checks the metrics at `address`. */
export const checkMetrics = async (
  address: string,
  side: "parent" | "runner",
  options: RequestOptions = {},
): Promise<Finding> => {
  const shown = withoutSecrets(address);
  const accept = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5";
  const answer = await ask(address, { ...options, headers: { accept } });
  if ("problem" in answer) return failed(check, answer.problem, answer.fix, alertOf.metricsAbsent);
  if (answer.status === 404 && side === "runner") {
    return skipped(
      check,
      "metrics are off on this runner",
      "The dashboards use the parent's metrics. To scrape a long-lived runner, set telemetry.metrics: true.",
    );
  }
  if (answer.status !== 200)
    return failed(check, `${shown} answered ${answer.status}`, serveThem, alertOf.metricsAbsent);
  const contentType = answer.header("content-type") ?? "";
  const found = readExposition(answer.text(), contentType);
  if ("problem" in found) {
    return failed(
      check,
      `Prometheus cannot parse ${shown} as ${harmless(contentType) || "text"}: line ${found.line}: ${harmless(found.problem)}`,
      serveThem,
      alertOf.metricsAbsent,
    );
  }
  return assess(shown, side, found);
};
