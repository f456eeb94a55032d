/**
 * Prints what one warm call runs: the files, functions and invocations of the build in `dist`, in the parent and in the
 * runner, by V8's precise coverage. The call goes from a parent to a runner process of the process backend, with
 * OpenTelemetry and metrics on. Work that is deferred past the result, such as exports, is left out. `--list` prints
 * every function.
 */
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { startOpenTelemetry } from "firelight/otel";
import { type Counts, fewest, FunctionCounter, invocations } from "./function-counts.ts";

const warmUpCalls = 200;
/** A timer of the pool or of telemetry may fall into a call; the call with the fewest invocations has none. */
const measuredCalls = 15;

const controlVariable = "WARM_PATH_CONTROL_PORT";
const endpointVariable = "WARM_PATH_OTLP_ENDPOINT";
const dist = join(import.meta.dirname, "../dist");

const listen = async (handler: RequestListener): Promise<Server> => {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.unref();
};

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const Warm = flame.service("warm", { add: async (a: number, b: number) => a + b });

const serveRunner = async (): Promise<void> => {
  startOpenTelemetry({ serviceName: "warm-path-runner", endpoint: process.env[endpointVariable]! });
  const coverage = new FunctionCounter(dist);
  await coverage.start();
  const control = await listen(async (_request, response) => response.end(JSON.stringify(await coverage.take())));
  console.log(`control ${portOf(control)}`);
  await flame.createRunnerServer().ready;
};

const print = (side: string, counts: Counts, list: boolean): void => {
  const files = new Set(counts.map(({ file }) => file)).size;
  console.log(
    `${side.padEnd(7)} ${String(files).padStart(3)} files ${String(counts.length).padStart(4)} functions ${String(invocations(counts)).padStart(4)} invocations`,
  );
  if (!list) return;
  for (const { file, name, line, count } of counts)
    console.log(`  ${String(count).padStart(3)} ${file}:${line} ${name}`);
};

const measure = async (list: boolean): Promise<void> => {
  const collector = await listen((request, response) => {
    request.resume().on("end", () => response.end());
  });
  const endpoint = `http://127.0.0.1:${portOf(collector)}`;
  const otel = startOpenTelemetry({ serviceName: "warm-path-parent", endpoint });
  const { promise: controlPort, resolve } = Promise.withResolvers<string>();
  await flame.configure({
    mode: "parent",
    pools: {
      default: {
        backend: processBackend({
          entry: import.meta.filename,
          env: { [controlVariable]: "1", [endpointVariable]: endpoint },
          onOutput: ({ line }) => {
            const port = /^control (\d+)$/.exec(line)?.[1];
            if (port !== undefined) resolve(port);
          },
        }),
        max: 1,
      },
    },
  });
  for (let call = 0; call < warmUpCalls; call++) await Warm.add(call, 1);

  const takeFromRunner = async (): Promise<Counts> =>
    (await (await fetch(`http://127.0.0.1:${await controlPort}`)).json()) as Counts;
  const coverage = new FunctionCounter(dist);
  await coverage.start();
  const parent: Array<Counts> = [];
  const runner: Array<Counts> = [];
  for (let call = 0; call < measuredCalls; call++) {
    await takeFromRunner();
    await coverage.take();
    await Warm.add(call, 1);
    parent.push(await coverage.take());
    runner.push(await takeFromRunner());
  }
  const [onParent, onRunner] = [fewest(parent), fewest(runner)];
  print("parent", onParent, list);
  print("runner", onRunner, list);
  print("both", [...onParent, ...onRunner], false);

  await flame.shutdown();
  await otel.shutdown();
};

if (process.env[controlVariable] === undefined) await measure(process.argv.includes("--list"));
else await serveRunner();
