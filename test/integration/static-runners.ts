/** Runners on real sockets in this process, and parents that have them as static runners. All end with the test. */
import { onTestFinished } from "vitest";
import { type Labels, Scrape } from "../../examples/shared/prometheus-text.ts";
import {
  createFlame,
  type Flame,
  type FlameConfig,
  type InvokeError,
  type PoolConfig,
  type RunnerServer,
  type ServiceDefinition,
} from "../../src/index.ts";

export const secret = "a secret of the tests";

/** A log record. */
export interface LogRecord {
  readonly message: string;
  readonly meta: Readonly<Record<string, unknown>>;
}

/** Serves `methods` as the service `work`. Default security: the secret of the tests. */
export const startStaticRunner = async (
  runnerId: string,
  methods: ServiceDefinition,
  security: FlameConfig["security"] = { secret },
): Promise<RunnerServer> => {
  const logger = { info: () => {}, warn: () => {}, error: () => {} };
  const flame = createFlame({ mode: "runner", security, logger });
  onTestFinished(() => flame.shutdown());
  flame.service("work", methods);
  const options = { port: 0, hostname: "127.0.0.1", runnerId, handleSignals: false };
  const server = flame.createRunnerServer(options);
  onTestFinished(() => server.stop({ drainTimeoutMs: 0 }));
  await server.ready;
  return server;
};

export interface TestParent {
  readonly flame: Flame;
  readonly logs: ReadonlyArray<LogRecord>;
  /** Records of one event. */
  logged(event: string): ReadonlyArray<LogRecord>;
  /** Sum of the samples of a metric that have these labels. */
  sum(metric: string, labels?: Labels): Promise<number>;
}

/** Creates a parent of the runners at these addresses. */
export const parentOf = (
  runners: ReadonlyArray<{ readonly id?: string; readonly url: string }>,
  pool: PoolConfig = {},
  config: FlameConfig = {},
): TestParent => {
  const logs: Array<LogRecord> = [];
  const keep = (message: string, meta: Record<string, unknown> = {}): void => void logs.push({ message, meta });
  const flame = createFlame({
    mode: "parent",
    security: { secret },
    logger: { info: keep, warn: keep, error: keep },
    pools: { default: { runners: runners.map(({ id, url }) => ({ id, url })), ...pool } },
    ...config,
  });
  onTestFinished(() => flame.shutdown());
  return {
    flame,
    logs,
    logged: (event) => logs.filter(({ meta }) => meta["event.name"] === event),
    sum: async (metric, labels) => new Scrape(await flame.metrics()).sum(metric, labels),
  };
};

/** Returns the error of a call that must fail. */
export const failureOf = async (call: Promise<unknown>): Promise<InvokeError> => {
  try {
    await call;
  } catch (error) {
    return error as InvokeError;
  }
  throw new Error("the call was expected to fail");
};
