/**
 * Validates the metrics with promtool: makes calls over HTTP that succeed, fail and time out, then passes a scrape of
 * the parent and of the runner to `promtool check metrics`. Needs a build and promtool on the PATH.
 *
 * promtool only lints the classic text format, so both sides report to a registry that uses it.
 */
import { spawnSync } from "node:child_process";
import { createFlame, InvokeError, type Flame } from "firelight";
import { Registry } from "prom-client";

const security = { secret: "a secret of this check only" };

const define = (flame: Flame) =>
  flame.service("shop", {
    price: async (item: string) => item.length,
    fail: async (): Promise<void> => {
      throw new Error("on purpose");
    },
    hang: () => new Promise<void>(() => {}),
  });

const refused = async (call: Promise<unknown>): Promise<void> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof InvokeError))
    throw new Error(`Expected an InvokeError, got ${String(error)}.`, { cause: error });
};

const lint = (side: string, scrape: string): boolean => {
  const series = scrape.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
  const promtool = spawnSync("promtool", ["check", "metrics"], { input: scrape, encoding: "utf8" });
  if (promtool.error !== undefined) {
    console.error(`✗ Failed to start promtool: ${promtool.error.message}. On Debian: apt-get install prometheus`);
    return false;
  }
  const problems = `${promtool.stdout}${promtool.stderr}`.trim();
  const good = promtool.status === 0 && problems === "" && series > 0;
  console.log(
    `${good ? "✓" : "✗"} promtool on the ${side}'s ${series} series${problems === "" ? "" : `:\n${problems}`}`,
  );
  return good;
};

const silent = { info: () => {}, warn: () => {}, error: () => {} };

await using runner = createFlame({ mode: "runner", security, logger: silent, telemetry: { metrics: new Registry() } });
define(runner);
const server = runner.createRunnerServer({ port: 0, hostname: "127.0.0.1", security });
await server.ready;

await using parent = createFlame({
  mode: "parent",
  security,
  pools: { default: { runners: [{ url: server.url }] } },
  logger: silent,
  telemetry: { metrics: new Registry() },
});
const shop = define(parent);
for (const item of ["tea", "bread", "salt"]) await shop.price(item);
await refused(shop.fail());
await refused(shop.hang.with({ timeoutMs: 50 })());

const results = [lint("parent", await parent.metrics()), lint("runner", await runner.metrics())];
if (results.includes(false)) process.exitCode = 1;
