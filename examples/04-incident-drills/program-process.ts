/** The program of a drill, as a process: its parent, the receiver of its traces, and the words to talk to it. */
import { fork } from "node:child_process";
import { closeSync, existsSync, openSync, truncateSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { startOtlpReceiver } from "../shared/otlp-receiver.ts";
import { findCollector } from "../../scripts/collector.ts";
import { type RunningCollector, startCollector } from "../../test/harness/collector.ts";
import type { ScrapeJob } from "../../test/stack/harness/prometheus.ts";
import type { Drill } from "./drill.ts";
import type { Answer, Order } from "./program/messages.ts";

export interface DrillProgram extends AsyncDisposable {
  readonly drill: Drill;
  /** What Prometheus scrapes of it. */
  readonly targets: ReadonlyArray<ScrapeJob>;
  /** The jobs of those: their alerts are the drill's. */
  readonly jobs: ReadonlyArray<string>;
  /** Where its telemetry goes over OTLP. */
  readonly otlpUrl: string;
  /** Files of traces and of log records, in OTLP JSON. */
  readonly telemetry: ReadonlyArray<string>;
  /** Tells it to do something, and waits until that is done. */
  order(order: Order): Promise<void>;
  /** Forgets the traces so far. */
  forgetTraces(): void;
}

const endsWithinMs = 20_000;

/** Where a program's traces go. */
interface Destination extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
  readonly telemetry: ReadonlyArray<string>;
  readonly collector?: RunningCollector;
}

const startDestination = async (drill: Drill, folder: string): Promise<Destination> => {
  if (drill.killsCollector === true) {
    const found = findCollector(console.error);
    if ("missing" in found) throw new Error(found.missing);
    const collector = await startCollector({
      binary: found.binary,
      configs: ["collector.yaml", "collector-file.yaml"],
      env: {
        FIRELIGHT_DECISION_WAIT: "4s",
        FIRELIGHT_DECISION_WAIT_AFTER_ROOT: "1s",
        FIRELIGHT_SAMPLE_PERCENT: "100",
      },
      folder,
    });
    return {
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.otlpUrl },
      telemetry: [collector.file],
      collector,
      [Symbol.asyncDispose]: () => collector[Symbol.asyncDispose](),
    };
  }
  const receiver = await startOtlpReceiver({ folder });
  return {
    environment: receiver.environment,
    telemetry: [join(folder, "traces.jsonl"), join(folder, "logs.jsonl")],
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
};

/** Starts a drill's parent with its runners; it is healthy when this settles. */
export const startProgram = async (drill: Drill, out: string): Promise<DrillProgram> => {
  const folder = join(out, drill.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const destination = await startDestination(drill, folder);
  const { collector, telemetry, environment } = destination;

  const printed = openSync(join(folder, "printed.log"), "w");
  const child = fork(new URL("./parent.ts", import.meta.url), [drill.name, join(folder, "run.log")], {
    env: { ...process.env, ...environment, OTEL_BSP_SCHEDULE_DELAY: "500" },
    stdio: ["ignore", printed, printed, "ipc"],
  });
  closeSync(printed);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));

  const answer = (done: Answer["done"]): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const settle = (said: Answer | undefined): void => {
        if (said !== undefined && said.done !== done && said.done !== "failed") return;
        child.off("message", settle);
        child.off("exit", onExit);
        if (said === undefined)
          reject(new Error(`The program of ${drill.name} ended before it was ${done}; see ${folder}.`));
        else if (said.done === "failed") reject(new Error(`${drill.name}: ${said.reason}`));
        else resolve(said);
      };
      const onExit = (): void => settle(undefined);
      child.on("message", settle);
      child.once("exit", onExit);
    });

  const order = async (what: Order): Promise<void> => {
    if (what === "break") await collector?.process[Symbol.asyncDispose]();
    if (what === "heal") await collector?.restart();
    const answered = answer(what);
    child.send(what);
    await answered;
  };

  const ready = await answer("ready");
  if (ready.done !== "ready") throw new Error(`${drill.name} is ${ready.done}.`);
  const targets: ReadonlyArray<ScrapeJob> = [
    { job: drill.name, url: ready.metricsUrl, labels: { instance: drill.name } },
    ...(collector === undefined
      ? []
      : [{ job: `${drill.name}-collector`, url: collector.ownMetricsUrl, labels: { instance: "collector" } }]),
  ];

  return {
    drill,
    targets,
    jobs: targets.map(({ job }) => job),
    otlpUrl: environment["OTEL_EXPORTER_OTLP_ENDPOINT"]!,
    telemetry,
    order,
    forgetTraces: () => {
      for (const file of telemetry) if (existsSync(file)) truncateSync(file);
    },
    [Symbol.asyncDispose]: async () => {
      const timer = setTimeout(() => child.kill("SIGKILL"), endsWithinMs);
      await order("stop").catch(() => child.kill("SIGKILL"));
      await exited;
      clearTimeout(timer);
      await destination[Symbol.asyncDispose]();
    },
  };
};
