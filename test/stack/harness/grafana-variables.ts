/**
 * Substitutes variables and macros in a query, as Grafana does before it sends the query to a data source.
 */

/** The data source of a query, which determines how values are escaped and joined. */
export type QueryLanguage = "prometheus" | "loki" | "tempo";

/** A variable of a dashboard with its selection. */
export interface Variable {
  readonly name: string;
  /** Whether several values or All can be selected: then values are escaped for a regular expression. */
  readonly multi: boolean;
  /** All values that can be selected. */
  readonly options: ReadonlyArray<string>;
  /** The selected values, or All. */
  readonly chosen: ReadonlyArray<string> | "all";
  /** Replaces All verbatim. Default: all options. */
  readonly allValue?: string;
}

/** The times that macros are derived from, in milliseconds. */
export interface QueryTimes {
  readonly startMs: number;
  readonly endMs: number;
  /** The scrape interval of the data source, or the minimum step of the query. */
  readonly scrapeMs: number;
  /** The minimum step of the panel, which does not affect the scrape interval. Default: none. */
  readonly minStepMs?: number;
  /** Maximum number of data points of a panel. Default: 1,000. */
  readonly maxDataPoints?: number;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Steps that Grafana rounds to: below the limit, the step. */
const roundSteps: ReadonlyArray<readonly [below: number, step: number]> = [
  [10, 1],
  [15, 10],
  [35, 20],
  [75, 50],
  [150, 100],
  [350, 200],
  [750, 500],
  [1.5 * second, second],
  [3.5 * second, 2 * second],
  [7.5 * second, 5 * second],
  [12.5 * second, 10 * second],
  [17.5 * second, 15 * second],
  [25 * second, 20 * second],
  [45 * second, 30 * second],
  [1.5 * minute, minute],
  [3.5 * minute, 2 * minute],
  [7.5 * minute, 5 * minute],
  [12.5 * minute, 10 * minute],
  [17.5 * minute, 15 * minute],
  [25 * minute, 20 * minute],
  [45 * minute, 30 * minute],
  [1.5 * hour, hour],
];

const roundStep = (ms: number): number => roundSteps.find(([below]) => ms < below)?.[1] ?? Math.round(ms / hour) * hour;

/** The step of a query: `$__interval`. */
export const stepMs = ({ startMs, endMs, scrapeMs, minStepMs = 0, maxDataPoints = 1_000 }: QueryTimes): number =>
  Math.max(scrapeMs, minStepMs, roundStep((endMs - startMs) / maxDataPoints));

/** The rate interval, which always contains two scrapes: `$__rate_interval`. */
export const rateIntervalMs = (times: QueryTimes): number =>
  Math.max(stepMs(times) + times.scrapeMs, 4 * times.scrapeMs);

const duration = (ms: number): string => (ms % second === 0 ? `${ms / second}s` : `${ms}ms`);

const macros = (times: QueryTimes): Readonly<Record<string, string>> => {
  const rangeMs = times.endMs - times.startMs;
  const rangeSeconds = Math.round(rangeMs / second);
  return {
    __interval: duration(stepMs(times)),
    __interval_ms: String(stepMs(times)),
    __rate_interval: duration(rateIntervalMs(times)),
    __rate_interval_ms: String(rateIntervalMs(times)),
    __range: `${rangeSeconds}s`,
    __range_s: String(rangeSeconds),
    __range_ms: String(rangeMs),
    __from: String(times.startMs),
    __to: String(times.endMs),
  };
};

/** Escapes a value for a string that is not a regular expression. */
const plainEscape = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll("'", "\\\\'");

/** Escapes a value for a regular expression inside a string: the string consumes one backslash, the expression the other. */
const regexInString = (value: string): string =>
  value.replaceAll("\\", "\\\\\\\\").replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&");

const regexEscape = (value: string): string => value.replace(/[\\^$*+?.()|[\]{}/]/g, "\\$&");

const alternatives = (values: ReadonlyArray<string>): string =>
  values.length === 1 ? values[0]! : `(${values.join("|")})`;

const byLanguage = (language: QueryLanguage, { multi }: Variable, values: ReadonlyArray<string>): string => {
  if (language === "tempo") return values.join("|");
  if (!multi) return values.map(plainEscape).join(",");
  const escaped = values.map(regexInString);
  return language === "loki" ? escaped.join("|") : alternatives(escaped);
};

const formats: Readonly<Record<string, (values: ReadonlyArray<string>) => string>> = {
  regex: (values) => alternatives(values.map(regexEscape)),
  pipe: (values) => values.join("|"),
  csv: (values) => values.join(","),
  raw: (values) => values.join(","),
  doublequote: (values) => values.map((value) => `"${value.replaceAll('"', '\\"')}"`).join(","),
};

const valueOf = (variable: Variable, format: string | undefined, language: QueryLanguage): string => {
  if (variable.chosen === "all" && variable.allValue !== undefined) return variable.allValue;
  const values = variable.chosen === "all" ? variable.options : variable.chosen;
  if (format === undefined) return byLanguage(language, variable, values);
  const write = formats[format];
  if (write === undefined) throw new Error(`\${${variable.name}:${format}}: unsupported format.`);
  return write(values);
};

const reference = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?::([^}]+))?\}/g;

/**
 * Returns a query as Grafana sends it to the data source.
 *
 * @throws if it uses an undefined variable, which Grafana would not replace. `$1` is a group of `label_replace`, not a variable.
 */
export const substitute = (
  query: string,
  language: QueryLanguage,
  variables: ReadonlyArray<Variable>,
  times: QueryTimes,
): string => {
  const known = macros(times);
  return query.replaceAll(
    reference,
    (
      written: string,
      plain: string | undefined,
      bracketed: string | undefined,
      bracketFormat: string | undefined,
      braced: string | undefined,
      braceFormat: string | undefined,
    ) => {
      const name = plain ?? bracketed ?? braced!;
      const variable = variables.find((candidate) => candidate.name === name);
      if (variable !== undefined) return valueOf(variable, bracketFormat ?? braceFormat, language);
      if (known[name] !== undefined) return known[name];
      if (/^\d+$/.test(name)) return written;
      throw new Error(`${written} is neither a variable of this dashboard nor a macro:\n${query}`);
    },
  );
};
