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

test("each way to write a variable is known, and one value stands without parentheses", () => {
  expect(filled('m{a=~"$method", b=~"${method}", c=~"[[method]]"}', method({}))).toBe(
    'm{a=~"shop/a", b=~"shop/a", c=~"shop/a"}',
  );
});

test("several values become alternatives, escaped once for the string and once for the expression", () => {
  expect(filled('m{a=~"$method"}', method({ chosen: ["shop/b.c", "x|y"] }))).toBe('m{a=~"(shop/b\\\\.c|x\\\\|y)"}');
});

test("All is all options, or its own value to the letter", () => {
  expect(filled('"$method"', method({ chosen: "all" }))).toBe('"(shop/a|shop/b\\\\.c|x\\\\|y)"');
  expect(filled('"$method"', method({ chosen: "all", allValue: ".+" }))).toBe('".+"');
  expect(filled('"${method:regex}"', method({ chosen: "all", allValue: ".+" }))).toBe('".+"');
});

test("a variable of one value is not escaped for expressions", () => {
  expect(filled('"$method"', method({ multi: false, chosen: ["shop/b.c"] }))).toBe('"shop/b.c"');
});

test("a format takes the place of the language's own", () => {
  const two = method({ chosen: ["shop/b.c", "shop/a"] });
  expect(filled("${method:regex}", two)).toBe("(shop\\/b\\.c|shop\\/a)");
  expect(filled("[[method:pipe]]", two)).toBe("shop/b.c|shop/a");
  expect(filled("${method:csv}", two)).toBe("shop/b.c,shop/a");
  expect(() => filled("${method:glob}", two)).toThrow("do not know this format");
});

test("other data sources join with bars alone, and only Loki escapes", () => {
  const two = method({ chosen: ["shop/b.c", "shop/a"] });
  expect(filled("$method", two, "loki")).toBe("shop/b\\\\.c|shop/a");
  expect(filled("$method", two, "tempo")).toBe("shop/b.c|shop/a");
});

test("macros are made of the range and of the scrape interval", () => {
  const macros = "$__range $__range_s $__range_ms $__interval ${__interval_ms} $__rate_interval [[__rate_interval_ms]]";
  expect(substitute(macros, "prometheus", [], times)).toBe("3600s 3600 3600000 15s 15000 60s 60000");
});

test("the rate interval is four scrapes, or a step and a scrape where that is longer", () => {
  const wide = { ...times, startMs: 0, endMs: 7 * 24 * 3_600_000 };
  expect(stepMs(wide)).toBe(600_000);
  expect(rateIntervalMs(wide)).toBe(615_000);
  expect(rateIntervalMs({ ...times, scrapeMs: 500 })).toBe(5_500);
  expect(substitute("$__rate_interval", "prometheus", [], { ...times, endMs: 1_060_000, scrapeMs: 500 })).toBe("2s");
});

test("a panel's least step makes steps longer, and not what is taken for a scrape", () => {
  const bars = { ...times, minStepMs: 300_000 };
  expect(stepMs(bars)).toBe(300_000);
  expect(rateIntervalMs(bars)).toBe(315_000);
});

test("what nobody defined is an error, and a reference of label_replace is none", () => {
  expect(() => filled("$methods", method({}))).toThrow("no variable of this dashboard");
  expect(filled('label_replace(m, "a", "$1", "b", "(.*)")', method({}))).toContain('"$1"');
});
