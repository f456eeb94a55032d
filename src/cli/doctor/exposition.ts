/** Reads what a scrape would read: which metrics there are, in which format, and whether exemplars are among them. */

/** What a scrape found. */
export interface Exposition {
  readonly format: "OpenMetrics" | "Prometheus text";
  /** Names of metrics, without what their kind adds to samples. */
  readonly families: ReadonlySet<string>;
  readonly samples: number;
  readonly exemplars: number;
}

/** A line that no scrape would take. */
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

/** Counts what is in the text of a scrape. Lines are judged as Prometheus would judge them in that format. */
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
      return { line: position + 1, problem: "there is an exemplar, which this format does not have" };
    samples++;
    if (exemplar !== undefined) exemplars++;
  }
  if (format === "OpenMetrics" && !/^# EOF$/m.test(text.slice(-8)))
    return { line: lines.length, problem: "there is no # EOF at the end" };
  return { format, families, samples, exemplars };
};
