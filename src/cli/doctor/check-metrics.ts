/** Checks an endpoint that serves metrics: that it can be scraped, and has what the dashboards read. */
import { withoutSecrets } from "../../contract/config/runner-url.ts";
import { metrics, type MetricSpec } from "../../telemetry/catalog.ts";
import { alertOf } from "../alerts.ts";
import { harmless, many } from "../terminal.ts";
import { ask, type Question } from "../unreachable.ts";
import { type Exposition, readExposition } from "./exposition.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";

const check = "metrics";

const serveThem =
  "Serve await flame.metrics() there, with flame.metrics.contentType as its content-type: see docs/observability.md.";

/** OpenMetrics names a counter without the end of its samples. */
const isThere = ({ families }: Exposition, { name }: MetricSpec): boolean =>
  families.has(name) || families.has(name.replace(/_total$/, ""));

const exemplarText = ({ format, exemplars }: Exposition): string => {
  if (format !== "OpenMetrics") return "no exemplars, for its format has none: with OpenMetrics, graphs lead to traces";
  return exemplars === 0 ? "exemplars are on, and there is none yet" : `exemplars are on, and there are ${exemplars}`;
};

const judge = (address: string, side: "parent" | "runner", found: Exposition): Finding => {
  const wanted = Object.values<MetricSpec>(metrics).filter((spec) => spec.side === side || spec.side === "both");
  const missing = wanted.filter((spec) => !isThere(found, spec));
  const seen = `${address}: ${found.format}, ${many(found.samples, "sample")}`;
  if (missing.length === wanted.length)
    return failed(check, `${seen}, and none of Firelight's metrics`, serveThem, alertOf.metricsAbsent);
  if (missing.length > 0) {
    const names = missing.slice(0, 3).map(({ name }) => name);
    return failed(
      check,
      `${seen}, and not all of Firelight's metrics: ${names.join(", ")}${missing.length > 3 ? " and more" : ""} ${missing.length === 1 ? "is" : "are"} missing`,
      side === "parent" && missing.some(({ side }) => side === "parent")
        ? "Is this the parent, and the registry that its instance was given? Deploy parent and dashboards of the same version."
        : "Serve the registry that the instance was given.",
      alertOf.metricsAbsent,
    );
  }
  return ok(check, `${seen}, all ${wanted.length} of the ${side}'s metrics; ${exemplarText(found)}`);
};

/** Looks at the metrics that are served under `address`. */
export const checkMetrics = async (
  address: string,
  side: "parent" | "runner",
  question: Question = {},
): Promise<Finding> => {
  const shown = withoutSecrets(address);
  const accept = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5";
  const answer = await ask(address, { ...question, headers: { accept } });
  if ("problem" in answer) return failed(check, answer.problem, answer.fix, alertOf.metricsAbsent);
  if (answer.status === 404 && side === "runner") {
    return skipped(
      check,
      "they are off on this runner",
      "The parent's are what the dashboards read. To scrape a runner that lives long: telemetry.metrics: true.",
    );
  }
  if (answer.status !== 200)
    return failed(check, `${shown} answered ${answer.status}`, serveThem, alertOf.metricsAbsent);
  const contentType = answer.header("content-type") ?? "";
  const found = readExposition(answer.text(), contentType);
  if ("problem" in found) {
    return failed(
      check,
      `Prometheus could not read ${shown} as ${harmless(contentType) || "text"}: line ${found.line}: ${harmless(found.problem)}`,
      serveThem,
      alertOf.metricsAbsent,
    );
  }
  return judge(shown, side, found);
};
