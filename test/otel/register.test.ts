import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startReceiver } from "./otlp-receiver.ts";

const preload = "Bun" in globalThis ? "--preload" : "--import";
const register = join(import.meta.dirname, "../../src/otel/register.ts");
const fixture = join(import.meta.dirname, "fixtures/one-span.ts");

const run = (endpoint: string, ...args: ReadonlyArray<string>) =>
  spawn(process.execPath, [preload, register, fixture, ...args], {
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: "registered" },
    stdio: ["ignore", "pipe", "inherit"],
  });

describe("firelight/otel/register", () => {
  test("exports the spans of a process before it exits on its own", async () => {
    await using receiver = await startReceiver();
    const [code] = (await once(run(receiver.url), "exit")) as [number | null];
    expect(code).toBe(0);
    expect(receiver.spans.map((span) => span.name)).toEqual(["fixture"]);
    expect(receiver.resources[0]).toMatchObject({ "service.name": "registered" });
  });

  test("exports the spans on SIGTERM, and the signal ends the process", async () => {
    await using receiver = await startReceiver();
    const child = run(receiver.url, "--wait");
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    expect(signal).toBe("SIGTERM");
    expect(receiver.spans.map((span) => span.name)).toEqual(["fixture"]);
  });
});
