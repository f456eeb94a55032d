/** Parses a scrape response: which metrics it has, in which format, and whether there are exemplars. */

/** The content of a scrape response. */
export interface Exposition {
  readonly format: "OpenMetrics" | "Prometheus text";
  /** Names of metrics, without the suffixes of samples. */
  readonly families: ReadonlySet<string>;
  readonly samples: number;
  readonly exemplars: number;
}

/** A line that a scrape would reject. */
export interface Unreadable {
  readonly line: number;
  readonly problem: string;
}

const descriptor = /^# (?:HELP|TYPE|UNIT) ([a-zA-Z_:][\w:]*)(?: |$)/;
const labelSet = String.raw`\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}`;
const number = String.raw`(?:[+-]?(?:\d[\d.]*(?:[eE][+-]?\d+)?|Inf|NaN))`;
const sample = new RegExp(
  String.raw`^([a-zA-Z_:][\w:]*)(?:${labelSet})? ${number}(?: ${number})?( # ${labelSet} ${number}(?: ${number})?)?$`,
);

/** Parses the text of a scrape as Prometheus would in that format. */
export const readExposition = (text: string, contentType: string): Exposition | Unreadable => {
  const format = contentType.startsWith("application/openmetrics-text") ? "OpenMetrics" : "Prometheus text";
  const families = new Set<string>();
  let samples = 0;
  let exemplars = 0;
  const lines = text.split("\n");
  for (const [position, line] of lines.entries()) {
    if (line === "" || (line.startsWith("#") && !descriptor.test(line))) continue;
    const described = descriptor.exec(line)?.[1];
    if (described !== undefined) {
      families.add(described);
      continue;
    }
    const [whole, , exemplar] = sample.exec(line) ?? [];
    if (whole === undefined) return { line: position + 1, problem: `"${line.slice(0, 80)}" is not a sample` };
    if (exemplar !== undefined && format !== "OpenMetrics")
      return { line: position + 1, problem: "it has an exemplar, which this format does not allow" };
    samples++;
    if (exemplar !== undefined) exemplars++;
  }
  if (format === "OpenMetrics" && !/^# EOF$/m.test(text.slice(-8)))
    return { line: lines.length, problem: "# EOF is missing at the end" };
  return { format, families, samples, exemplars };
};
