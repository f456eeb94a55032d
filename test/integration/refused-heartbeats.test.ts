/** Runners that reject the heartbeats of their parent exit. Both sides log the reason first. */
import { expect, onTestFinished, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import { type Backend, createFlame } from "../../src/index.ts";
import { waitFor } from "../harness/wait-for.ts";
import { entryOf } from "./setup.ts";

const orphanTimeoutMs = 900;

test("a runner with another secret and its parent both log the rejected heartbeats, and the runner exits", async () => {
  const printed: Array<string> = [];
  const records: Array<{ message: string; meta: Record<string, unknown> }> = [];
  const keep = (message: string, meta: Record<string, unknown> = {}): void => void records.push({ message, meta });
  const named = (event: string) => records.filter(({ meta }) => meta["event.name"] === event);
  const processes = processBackend({ entry: entryOf("runner"), onOutput: ({ line }) => void printed.push(line) });
  const backend: Backend = {
    ...processes,
    spawn: (request) => processes.spawn({ ...request, env: { ...request.env, FLAME_SECRET: "another one" } }),
  };
  const flame = createFlame({
    mode: "parent",
    security: { secret: "a secret of the tests" },
    logger: { info: () => {}, warn: keep, error: keep },
    pools: {
      default: { backend, min: 1, max: 1, orphanTimeoutMs, healthCheckMs: Infinity, spawnTimeoutMs: 20_000 },
    },
  });
  onTestFinished(() => flame.shutdown());
  await flame.configure({});

  await waitFor(() => named("flame.runner.lost").length > 0, { what: "the runner to exit", timeoutMs: 30_000 });

  const because = /signature is invalid.*FLAME_SECRET.*proxy/;
  const refused = named("flame.heartbeat.refused");
  expect(refused.length).toBeGreaterThanOrEqual(2);
  expect(refused[0]!.message).toMatch(/refused 1 heartbeat of this parent and exits/);
  expect(refused[0]!.message).toMatch(because);
  expect(refused[0]!.meta).toMatchObject({ "flame.error.code": "signature_error", "flame.pool.name": "default" });
  expect(refused[1]!.message).toContain("refused 2 heartbeats in a row of this parent");
  const [lost] = named("flame.runner.lost");
  expect(lost!.message).toMatch(/it rejected the last \d heartbeats of this parent: .*FLAME_SECRET/);
  expect(await flame.metrics()).toMatch(/flame_heartbeats_refused_total\{flame_pool_name="default"[^}]*\} [3-9]/);

  const said = printed.find((line) => line.includes("firelight error"));
  expect(said, printed.join("\n")).toMatch(
    new RegExp(`refused 1 heartbeat .* exits if it accepts none within ${orphanTimeoutMs} ms`),
  );
  expect(said).toMatch(/another secret under that id, or something in between/);
});
