/** The pages document every option that users can set. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const sources = globSync("src/**/*.ts", { cwd: root }).map((file) => readFileSync(join(root, file), "utf8"));

/** The fields that an options interface declares itself. */
const fieldsOf = (name: string): ReadonlyArray<string> => {
  const bodies = sources.flatMap((source) => [
    ...source.matchAll(new RegExp(`^export interface ${name}\\b[^{]*\\{$(.*?)^\\}$`, "gms")),
  ]);
  return bodies.flatMap(([, body = ""]) =>
    [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field = ""]) => field),
  );
};

const sectionOf = (page: string, heading: string): string => {
  const text = readFileSync(join(root, "docs", page), "utf8");
  return text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? "";
};

describe.each([
  ["configuration.md", "FlameConfig", ["FlameConfig", "RunnerHooks"]],
  ["configuration.md", "PoolConfig", ["PoolConfig", "StaticRunner", "RecycleOptions"]],
  [
    "configuration.md",
    "FlameOptions and CallOptions",
    ["FlameOptions", "CallOptions", "RetryOptions", "HedgeOptions", "DefinitionOptions"],
  ],
  ["configuration.md", "SecurityOptions", ["SecurityOptions", "SigningKeyOptions"]],
  ["configuration.md", "TelemetryOptions", ["TelemetryOptions"]],
  ["configuration.md", "IdempotencyOptions", ["IdempotencyOptions"]],
  ["configuration.md", "IsolationOptions", ["IsolationOptions"]],
  ["configuration.md", "RetryBudgetOptions", ["RetryBudgetOptions"]],
  ["configuration.md", "RunnerServerOptions", ["RunnerServerOptions"]],
  ["configuration.md", "ProcessBackendOptions", ["ProcessBackendOptions"]],
  ["configuration.md", "OpenTelemetryOptions", ["OpenTelemetryOptions"]],
  ["connections.md", "TLS", ["TlsOptions"]],
  ["fan-out.md", "Map", ["MapOptions"]],
] as const)("docs/%s, %s", (page, heading, interfaces) => {
  test.each(interfaces)("documents every field of %s", (name) => {
    const fields = fieldsOf(name);
    expect(fields.length, `${name} is an exported interface of src`).toBeGreaterThan(0);
    const named = [...sectionOf(page, heading).matchAll(/`([^`]*)`/g)].flatMap(([, code = ""]) => code.split(/\W+/));
    expect(fields.filter((field) => !named.includes(field))).toEqual([]);
  });
});
