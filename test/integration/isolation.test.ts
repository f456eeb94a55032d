/** Handlers in workers and child processes of real runners: calls, traces, termination, and cleanup when their runner ends. */
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { fileURLToPath } from "node:url";
import { Effect } from "effect";
import { describe, expect, onTestFinished, test } from "vitest";
import { processBackend } from "../../src/backends/process.ts";
import { flame } from "../../src/index.ts";
import { isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { InProcess, InWorker } from "./fixtures/isolated-services.ts";
import { Probe } from "./fixtures/services.ts";
import { type PlainSpan, plainSpan } from "./plain-span.ts";
import { recordSpans } from "./record-spans.ts";
import { entryOf, notes, sharedRunners, withRunners } from "./setup.ts";

const none = async (): Promise<ReadonlyArray<PlainSpan>> => [];
const Recorded = flame.service("recorded", { spans: none });
const RecordedIn = {
  worker: flame.service("recorded-in-worker", { spans: none }),
  process: flame.service("recorded-in-process", { spans: none }),
};

const services = { worker: InWorker, process: InProcess };

const runners = (pool = {}) => withRunners({ max: 1, ...pool }, { runner: "isolated-runner" });

const shared = () => sharedRunners({ max: 1, maxConcurrency: 4 }, { runner: "isolated-runner" });

const pids = async (): Promise<{ readonly runner: number; readonly isolate: number }> => ({
  runner: (await Probe.whoami()).pid,
  isolate: (await InProcess.where()).pid,
});

test("the server object in an isolate has the runner's address", async () => {
  await shared();
  const isolateServerStub = flame.fn("stand-in", async () => ({ hostname: "", port: 0, url: "" }));
  const { hostname, port, url } = await isolateServerStub();
  expect({ hostname, url }).toEqual({ hostname: "127.0.0.1", url: `http://127.0.0.1:${port}` });
});

describe.each(["worker", "process"] as const)("isolation: %s", (kind) => {
  const service = services[kind];

  test("ends a stuck handler at its deadline and frees its slot", async () => {
    await runners({ maxConcurrency: 1 });
    const { pid } = await Probe.whoami();
    await service.where();
    await expect(service.spin.with({ timeoutMs: 400 })()).rejects.toMatchObject({ code: "timeout", phase: "handler" });
    expect((await Probe.whoami()).pid).toBe(pid);
    expect(await service.echo(new Map([["at", new Date(7)]]))).toEqual(new Map([["at", new Date(7)]]));
  });

  test("serves other calls while a handler is stuck, and ends the handler when its caller aborts", async () => {
    await shared();
    const { file, lines } = notes();
    await service.where();
    const caller = new AbortController();
    const stuck = service.spin
      .with({ signal: caller.signal })(file)
      .catch((error: { code: string }) => error.code);
    await waitFor(() => lines().length > 0, { what: "the handler to start" });
    for (let turn = 0; turn < 20; turn++) expect(await Probe.add(turn, 1)).toBe(turn + 1);
    caller.abort();
    expect(await stuck).toBe("canceled");
    expect(await service.echo("next")).toBe("next");
  });

  test("fails an Effect with a typed InvokeError", async () => {
    await shared();
    const decline = flame.toEffect(service.decline);
    const code = await Effect.runPromise(
      decline().pipe(Effect.catchTag("InvokeError", (error) => Effect.succeed(error.remote?.code))),
    );
    expect(code).toBe("card_declined");
  });

  test("a nested call from the isolate continues the trace and keeps the deadline", async () => {
    const exporter = recordSpans();
    await withRunners({ max: 1 }, { runner: "isolated-traced-runner" });
    expect(await service.nested(2, 3)).toBe(5);
    const told = await service.tellNested.with({ timeoutMs: 9_000 })();
    const made = exporter.getFinishedSpans().map(plainSpan);
    const spanOf = (spans: ReadonlyArray<PlainSpan>, name: string, spanKind: SpanKind): PlainSpan =>
      spans.find((span) => span.name === name && span.kind === spanKind)!;
    const call = spanOf(made, `${service === InWorker ? "in-worker" : "in-process"}/nested`, SpanKind.CLIENT);
    const onRunner = (await Recorded.spans()).filter((span) => span.traceId === call.traceId);
    const handler = spanOf(onRunner, "flame.handler", SpanKind.INTERNAL);
    expect(onRunner.map((span) => span.name).toSorted()).toEqual(["flame.handler", call.name]);
    expect(handler.attributes["flame.isolation"]).toBe(kind);
    expect(handler.attributes["flame.response.body.size"]).toBeGreaterThan(0);

    const inside = (await RecordedIn[kind].spans()).filter((span) => span.traceId === call.traceId);
    expect(spanOf(inside, "probe/add", SpanKind.CLIENT).parentSpanId).toBe(handler.spanId);
    expect(told.leftMs).toBeLessThanOrEqual(9_001);
    expect(told.method).toBe("plain/told");
  });

  test("the handler's span is active in the isolate and records a timeout", async () => {
    const exporter = recordSpans();
    await withRunners({ max: 1 }, { runner: "isolated-traced-runner" });
    const told = await service.told();
    await service.spin
      .with({ retry: { attemptTimeoutMs: 400 } })()
      .catch(() => {});
    expect(exporter.getFinishedSpans().length).toBeGreaterThan(0);
    const stuck = await waitFor(
      async () => {
        const handlers = (await Recorded.spans()).filter((span) => span.attributes["flame.isolation"] === kind);
        return handlers.find((span) => span.attributes["rpc.method"]?.toString().endsWith("/spin"));
      },
      { what: "the span of the stuck handler" },
    );
    const [handler] = (await Recorded.spans()).filter((span) => span.spanId === told.activeSpanId);
    expect(handler?.name).toBe("flame.handler");
    expect(told.traceparent).toContain(`${handler?.traceId}-${handler?.spanId}`);
    expect(stuck.status).toBe(SpanStatusCode.ERROR);
    expect(stuck.attributes["error.type"]).toBe("DEADLINE_EXCEEDED");
  });
});

test("isolates load the modules that --import and --preload load in their runner", async () => {
  const flag = "Bun" in globalThis ? "--preload" : "--import";
  const preload = new URL("./fixtures/preloaded.ts", import.meta.url);
  const runtimeArgs = [flag, "Bun" in globalThis ? fileURLToPath(preload) : preload.href];
  const backend = processBackend({ entry: entryOf("isolated-runner"), runtimeArgs, logs: "ignore" });
  onTestFinished(() => flame.shutdown());
  await flame.configure({ mode: "parent", pools: { default: { spawnTimeoutMs: 20_000, backend } } });
  expect(await InWorker.preloaded()).toBe(true);
  expect(await InProcess.preloaded()).toBe(true);
});

test("shutdown of a runner ends its child processes", async () => {
  await runners({ maxConcurrency: 2 });
  const { runner, isolate } = await pids();
  expect([runner, isolate].map(isAlive)).toEqual([true, true]);
  await flame.shutdown();
  await waitFor(() => !isAlive(runner) && !isAlive(isolate), { what: "both processes to exit" });
});

test("SIGKILL to a runner ends its child process, even with a stuck handler", async () => {
  await runners({ maxConcurrency: 4 });
  const { file, lines } = notes();
  const { runner, isolate } = await pids();
  const stuck = InProcess.spin(file).catch((error: { code: string }) => error.code);
  await waitFor(() => lines().length > 0, { what: "the handler to start" });
  expect(lines()).toEqual([`spinning ${isolate}`]);
  process.kill(runner, "SIGKILL");
  expect(await stuck).toBe("transport_error");
  await waitFor(() => !isAlive(isolate), { what: "the child process to exit" });
});

test("SIGTERM to a runner and to its child process with a stuck handler ends both", async () => {
  await runners({ maxConcurrency: 4 });
  const { file, lines } = notes();
  const { runner, isolate } = await pids();
  const stuck = InProcess.spin(file).catch((error: { code: string; executed: string }) => [error.code, error.executed]);
  await waitFor(() => lines().length > 0, { what: "the handler to start" });
  process.kill(runner, "SIGTERM");
  process.kill(isolate, "SIGTERM");
  expect(await stuck).toEqual(["unavailable", "yes"]);
  await waitFor(() => !isAlive(runner) && !isAlive(isolate), { what: "both processes to exit" });
});
