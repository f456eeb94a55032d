/**
 * A web service with a pool of runners. Serves until its standard input ends. `/fetch` makes a call within the request;
 * `/trouble` causes every kind of failure of a call.
 */
import { createServer } from "node:http";
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { work } from "./services.js";

const { RUNNER_ARGS, RUNNER_ENV, ORPHAN_TIMEOUT_MS, UPSTREAM } = process.env;
const problems = [];
const runnerPorts = [];
const keep = (message, meta) => problems.push({ message, ...meta });

const processes = processBackend({
  entry: new URL("./runner.js", import.meta.url),
  runtime: process.execPath,
  runtimeArgs: JSON.parse(RUNNER_ARGS),
  env: JSON.parse(RUNNER_ENV),
});

await flame.configure({
  mode: "parent",
  security: { secret: "a secret of the tests" },
  logger: { info: () => {}, warn: keep, error: keep },
  telemetry: { baggageKeys: ["tenant"] },
  pools: {
    default: {
      min: 1,
      max: 2,
      orphanTimeoutMs: Number(ORPHAN_TIMEOUT_MS),
      healthCheckMs: 100,
      recycle: { maxRssBytes: 4e9 },
      spawnTimeoutMs: 60_000,
      backend: {
        ...processes,
        spawn: async (request) => {
          const runner = await processes.spawn(request);
          runnerPorts.push(Number(new URL(runner.url).port));
          return runner;
        },
      },
    },
    dead: { runners: [{ id: "nobody", url: "http://nobody.localhost:9" }] },
  },
});

/** The error or the result of a call. */
const failure = (call) =>
  call.then(
    (value) => ({ value }),
    ({ code, executed, message }) => ({ code, executed, message }),
  );

const routes = {
  "/fetch": () => work.fetchIt(UPSTREAM),
  "/own-url": () => work.ownUrl(),
  "/pid": () => work.pid(),
  "/stats": () => ({ ...flame.pools.default.stats(), problems, runnerPorts }),
  "/report": () => globalThis.reportError("the user's own") ?? null,
  "/trouble": async () => {
    const controller = new AbortController();
    const canceled = failure(work.slow.with({ signal: controller.signal })(5_000));
    setTimeout(() => controller.abort(), 100);
    return {
      canceled: await canceled,
      timedOut: await failure(work.slow.with({ timeoutMs: 100 })(5_000)),
      unreachable: await failure(work.pid.with({ pool: "dead", timeoutMs: 500 })()),
      retried: await failure(work.dieFirst.with({ retry: { maxAttempts: 3 } })()),
    };
  },
};

const server = createServer(async (request, response) => {
  const answer = await Promise.resolve()
    .then(routes[request.url])
    .catch((error) => ({ error: String(error), code: error.code }));
  response.end(JSON.stringify(answer));
});
server.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));

process.stdin.resume().on("end", async () => {
  await flame.shutdown();
  server.close();
  server.closeAllConnections();
  await globalThis.flushAgent?.();
  process.exit(0);
});
