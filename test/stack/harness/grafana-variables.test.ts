import { expect, test } from "vitest";
import { rateIntervalMs, stepMs, substitute, type QueryLanguage, type Variable } from "./grafana-variables.ts";

const times = { startMs: 1_000_000, endMs: 4_600_000, scrapeMs: 15_000 };

const method = (more: Partial<Variable>): Variable => ({
  name: "method",
  multi: true,
  options: ["shop/a", "shop/b.c", "x|y"],
  chosen: ["shop/a"],
  ...more,
});

const filled = (query: string, variable: Variable, language: QueryLanguage = "prometheus"): string =>
  substitute(query, language, [variable], times);

test("substitutes every syntax of a variable, and a single value without parentheses", () => {
  expect(filled('m{a=~"$method", b=~"${method}", c=~"[[method]]"}', method({}))).toBe(
    'm{a=~"shop/a", b=~"shop/a", c=~"shop/a"}',
  );
});

test("joins several values as alternatives, escaped for the string and for the regular expression", () => {
  expect(filled('m{a=~"$method"}', method({ chosen: ["shop/b.c", "x|y"] }))).toBe('m{a=~"(shop/b\\\\.c|x\\\\|y)"}');
});

test("replaces All with all options, or with allValue verbatim", () => {
  expect(filled('"$method"', method({ chosen: "all" }))).toBe('"(shop/a|shop/b\\\\.c|x\\\\|y)"');
  expect(filled('"$method"', method({ chosen: "all", allValue: ".+" }))).toBe('".+"');
  expect(filled('"${method:regex}"', method({ chosen: "all", allValue: ".+" }))).toBe('".+"');
});

test("does not escape a single-value variable for regular expressions", () => {
  expect(filled('"$method"', method({ multi: false, chosen: ["shop/b.c"] }))).toBe('"shop/b.c"');
});

test("applies the format of a reference instead of the language's, and rejects unknown formats", () => {
  const two = method({ chosen: ["shop/b.c", "shop/a"] });
  expect(filled("${method:regex}", two)).toBe("(shop\\/b\\.c|shop\\/a)");
  expect(filled("[[method:pipe]]", two)).toBe("shop/b.c|shop/a");
  expect(filled("${method:csv}", two)).toBe("shop/b.c,shop/a");
  expect(() => filled("${method:glob}", two)).toThrow("unsupported format");
});

test("joins values with bars for Loki and Tempo, and escapes only for Loki", () => {
  const two = method({ chosen: ["shop/b.c", "shop/a"] });
  expect(filled("$method", two, "loki")).toBe("shop/b\\\\.c|shop/a");
  expect(filled("$method", two, "tempo")).toBe("shop/b.c|shop/a");
});

test("derives macros from the range and the scrape interval", () => {
  const macros = "$__range $__range_s $__range_ms $__interval ${__interval_ms} $__rate_interval [[__rate_interval_ms]]";
  expect(substitute(macros, "prometheus", [], times)).toBe("3600s 3600 3600000 15s 15000 60s 60000");
});

test("rateIntervalMs returns four scrape intervals, or a step plus a scrape interval if that is longer", () => {
  const wide = { ...times, startMs: 0, endMs: 7 * 24 * 3_600_000 };
  expect(stepMs(wide)).toBe(600_000);
  expect(rateIntervalMs(wide)).toBe(615_000);
  expect(rateIntervalMs({ ...times, scrapeMs: 500 })).toBe(5_500);
  expect(substitute("$__rate_interval", "prometheus", [], { ...times, endMs: 1_060_000, scrapeMs: 500 })).toBe("2s");
});

test("a panel's minimum step extends the step, but not the scrape interval", () => {
  const bars = { ...times, minStepMs: 300_000 };
  expect(stepMs(bars)).toBe(300_000);
  expect(rateIntervalMs(bars)).toBe(315_000);
});

test("rejects an undefined variable, and keeps the group references of label_replace", () => {
  expect(() => filled("$methods", method({}))).toThrow("is neither a variable of this dashboard nor a macro");
  expect(filled('label_replace(m, "a", "$1", "b", "(.*)")', method({}))).toContain('"$1"');
});
