/** Runs the service of docker-compose.yml without containers, and switches its faults on. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { Scrape } from "../../examples/shared/prometheus-text.ts";
import { startProcess, type StartedProcess } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";

const main = join(import.meta.dirname, "../../examples/06-compose-service/main.ts");

const start = (env: Readonly<Record<string, string>> = {}): Promise<StartedProcess> =>
  startProcess({
    command: [process.execPath, main],
    env: { SHOP_PORT: "0", LOAD_PORT: "0", OTEL_SDK_DISABLED: "true", NO_COLOR: "1", FORCE_COLOR: undefined, ...env },
  });

const urlsOf = async (example: StartedProcess): Promise<{ readonly shop: string; readonly load: string }> => {
  const [, shop] = await example.waitForOutput(/^its metrics +(\S+)\/metrics$/m, 20_000);
  const [, load] = await example.waitForOutput(/-X PUT (\S+)\/plan/);
  return { shop: shop!, load: load! };
};

const put = (url: string, body: string): Promise<Response> => fetch(`${url}/plan`, { method: "PUT", body });

test("PUT /plan switches faults on under load, and the metrics show them", async () => {
  await using example = await start({ PLAN: '{"callsPerSecond": 20, "fails": 0, "flaky": 0, "slow": 0}' });
  const { shop, load } = await urlsOf(example);
  const scrape = async () => new Scrape(await (await fetch(`${shop}/metrics`)).text());
  const reserved = { rpc_method: "stock/reserve" };

  const booted = { flame_pool_name: "reports", result: "ok" };
  const quiet = await waitFor(
    async () => {
      const seen = await scrape();
      const orders = seen.sum("rpc_client_call_duration_seconds_count", reserved);
      return orders >= 20 && seen.sum("flame_runner_boot_duration_seconds_count", booted) > 0 ? seen : undefined;
    },
    { timeoutMs: 20_000, what: "twenty orders and a runner for reports" },
  );
  expect(quiet.sum("rpc_client_call_duration_seconds_count", { ...reserved, rpc_status_code: "UNKNOWN" })).toBe(0);
  expect(quiet.sum("flame_client_call_retries_count", reserved)).toBe(0);
  expect(quiet.sum("flame_runner_boot_duration_seconds_count", booted)).toBe(1);

  expect(await (await put(load, '{"fails": 0.5, "flaky": 0.5}')).json()).toMatchObject({
    fails: 0.5,
    callsPerSecond: 20,
  });
  await waitFor(
    async () => {
      const loud = await scrape();
      const failed = loud.sum("rpc_client_call_duration_seconds_count", { ...reserved, rpc_status_code: "UNKNOWN" });
      return failed > 0 && loud.sum("flame_client_call_retries_count", reserved) > 0;
    },
    { timeoutMs: 20_000, what: "failed and retried orders in the metrics" },
  );

  example.kill("SIGINT");
  expect(await example.exited).toEqual({ code: 1, signal: null });
  expect(example.output()).toMatch(/^✓ requests +\d+ = .*\d+ × 502/m);
  expect(example.output()).toMatch(/^✗ exemplars +0/m);
}, 60_000);

test("PUT /plan rejects an invalid change with an explanation and keeps the plan", async () => {
  await using example = await start();
  const { load } = await urlsOf(example);
  const before = await (await fetch(`${load}/plan`)).json();
  for (const [change, words] of [
    ['{"slow": 2}', /share of calls, from 0 to 1/],
    ['{"callsPerSecond": -1}', /0 to 1000/],
    ['{"gremlins": 1}', /no fault "gremlins"/],
    ["[", /JSON/],
  ] as const) {
    const response = await put(load, change);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toMatch(words);
  }
  expect(await (await fetch(`${load}/plan`)).json()).toEqual(before);
}, 60_000);
