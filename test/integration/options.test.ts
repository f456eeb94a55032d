/** Wrong values for every option, as a JavaScript program could pass them: each is rejected by an error that names the option. */
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { type ProcessBackendOptions, processBackend } from "../../src/backends/process.ts";
import { type BundleOptions, completeSettings } from "../../src/bundle/resolve-settings.ts";
import { defaultSettings, type ServiceLevel, type Thresholds } from "../../src/bundle/settings.ts";
import { writeBundle } from "../../src/bundle/write-bundle.ts";
import { resolveConfig } from "../../src/contract/config/resolve-config.ts";
import {
  buffer,
  type CallOptions,
  ConfigError,
  createFlame,
  defineMethod,
  type DefinitionOptions,
  type FlameConfig,
  FlameError,
  type FlameOptions,
  type FlameParts,
  type HedgeOptions,
  type IdempotencyOptions,
  type IsolationOptions,
  type MapOptions,
  type MethodOptions,
  type PoolConfig,
  type PoolUpdate,
  type TlsOptions,
  type RecycleOptions,
  type RetryBudgetOptions,
  type RetryOptions,
  type RunnerServerOptions,
  type SecurityOptions,
  type ServiceOptions,
  type SigningKeyOptions,
  type StaticRunner,
  type StopOptions,
  targetUtilization,
  type TelemetryOptions,
  onFlush,
} from "../../src/index.ts";
import { FirelightMetricProducer, type OpenTelemetryOptions, startOpenTelemetry } from "../../src/otel/index.ts";
import { resolveRunnerOptions } from "../../src/runner/options.ts";
import {
  type BackendConformanceOptions,
  backendConformance,
  idempotencyStoreConformance,
} from "../../src/testing/index.ts";
import { misspell, nothing as unit, wrong, type Wrong, type WrongFields } from "./wrong-options.ts";

const secret = "a secret for tests";
const store = { begin: unit, renew: unit, complete: unit, abandon: unit };
const backend = { spawn: unit, terminate: unit };
const logger = { info: unit, warn: unit, error: unit };
const instance = createFlame({ mode: "local" });
const method = instance.fn("m", async (n: number) => n);
const pooled = createFlame({ pools: { p: { runners: [{ url: "http://127.0.0.1:9" }] } } });
const server = createFlame().createRunnerServer({ port: 0, hostname: "127.0.0.1", security: { secret } });

let serial = 0;
const fresh = (): string => `m${++serial}`;

/** One options object, and a function that accepts it. */
interface Case<Fields = Readonly<Record<string, Wrong>>> {
  readonly fields: Fields;
  /** Prefix of its fields in error messages. */
  readonly path: string;
  /** Passes the object; throws or rejects if it is rejected. */
  readonly give: (options: unknown) => unknown;
  /** Reads the object without side effects, for correct values. Default: `give`. */
  readonly read?: (options: unknown) => unknown;
  /** Required fields, with values. */
  readonly needed?: Readonly<Record<string, unknown>>;
}

const cases: Record<string, Case> = {};
const add = <Options>(name: string, given: Case<WrongFields<Options>>): void => {
  cases[name] = given;
};

const retryFields: WrongFields<RetryOptions> = {
  maxAttempts: wrong("integer", 2, { also: [0] }),
  baseDelayMs: wrong("number", 0),
  maxDelayMs: wrong("number", 5.5),
  on: wrong("list", ["timeout", unit], { also: [["timeuot"], "timeout", ["timeout", 5]], but: [unit] }),
  attemptTimeoutMs: wrong("number", 1, { also: [0] }),
};

const hedgeFields: WrongFields<HedgeOptions> = {
  delayMs: wrong("number", 5, { also: [0] }),
  maxAttempts: wrong("integer", 2, { also: [1] }),
};

const callFields: WrongFields<FlameOptions> = {
  pool: wrong("text", "p"),
  timeoutMs: wrong("number", 0),
  idempotencyKey: wrong("text", "k e y", { also: ["ü", " k", "k ", "a\nb", "x".repeat(256)] }),
  labels: wrong("texts", { gpu: "" }),
  affinityKey: wrong("text", "k"),
  detached: wrong("boolean", false),
  idempotent: wrong("boolean", true),
  retry: wrong("object", {}),
  hedge: wrong("object", false, { also: [{}, { delayMs: undefined }] }),
};

const signal = wrong("methods", AbortSignal.timeout(1), {
  also: [new AbortController(), { aborted: false }, new EventTarget()],
});
const isolation = wrong("word", "none", { also: ["thread", "Worker"] });

const definitionFields: WrongFields<DefinitionOptions> = { ...callFields, isolation };
const give = {
  with: (options: unknown) => method.with(options as never),
  define: (options: unknown) => defineMethod(fresh(), unit, options as never),
};
add<CallOptions>(".with", { path: "", fields: { ...callFields, signal }, give: give.with });
add<RetryOptions>("retry", { path: "retry.", fields: retryFields, give: (retry) => give.with({ retry }) });
add<HedgeOptions>("hedge", {
  path: "hedge.",
  fields: hedgeFields,
  give: (hedge) => give.with({ hedge }),
  needed: { delayMs: 5 },
});
add<DefinitionOptions>("defineMethod", { path: "", fields: definitionFields, give: give.define });
add<DefinitionOptions>("flame.service", {
  path: "",
  fields: definitionFields,
  give: (options) => instance.service(fresh(), { unit }, options as never),
});
add<DefinitionOptions>("flame.serviceEffect", {
  path: "",
  fields: definitionFields,
  give: (options) => instance.serviceEffect(fresh(), { unit }, options as never),
});
add<DefinitionOptions>("flame.fn", {
  path: "",
  fields: definitionFields,
  give: (options) => instance.fn(fresh(), unit, options as never),
});
add<DefinitionOptions>("flame.fnEffect", {
  path: "",
  fields: definitionFields,
  give: (options) => instance.fnEffect(fresh(), unit, options as never),
});
add<MethodOptions>("@flame", {
  path: "",
  fields: { ...definitionFields, id: wrong("text", "x"), serviceId: wrong("text", "x") },
  give: (options) => instance(options as never),
});
const factory = wrong("function", () => ({}));
add<ServiceOptions>("@flameService", {
  path: "",
  fields: { ...definitionFields, id: wrong("text", "x"), factory },
  give: (options) => instance.serviceDecorator(options as never),
});
add<Omit<ServiceOptions, "id">>("@flameService with an id", {
  path: "",
  fields: { ...definitionFields, factory },
  give: (options) => instance.serviceDecorator("x", options as never),
});
add<MapOptions>("map", {
  path: "",
  fields: {
    concurrency: wrong("integer", 1, { also: [0] }),
    ordered: wrong("boolean", false),
    onError: wrong("word", "collect", { also: ["colect"] }),
  },
  give: (options) => method.map([], options as never),
});

const idempotencyFields: WrongFields<IdempotencyOptions> = {
  store: wrong("methods", store, { also: [{ ...store, renew: 1 }] }),
  ttlMs: wrong("integer", 1, { also: [0] }),
  leaseMs: wrong("integer", 1, { also: [0] }),
  maxReplyBytes: wrong("integer", 1, { also: [0] }),
  maxEntries: wrong("integer", 1, { also: [0] }),
  maxBytes: wrong("integer", 1, { also: [0] }),
};
const isolationFields: WrongFields<IsolationOptions> = {
  entry: wrong("file", new URL("file:///runner.js")),
  graceMs: wrong("number", 0),
  bootTimeoutMs: wrong("number", 1, { also: [0] }),
};
const securityFields: WrongFields<SecurityOptions> = {
  secret: wrong("text", secret),
  keyId: wrong("text", "k", { also: ["a b", "ü", "x".repeat(129)] }),
  acceptKeys: wrong("list", [{ id: "old", secret }], { also: [[{ id: "old" }], [secret]] }),
  windowMs: wrong("number", 1, { also: [0] }),
};
const keyFields: WrongFields<SigningKeyOptions> = {
  id: wrong("text", "k", { also: [undefined] }),
  secret: wrong("text", "s", { also: [undefined] }),
};
const servingFields = {
  invokePath: wrong("text", "/rpc", { also: ["rpc", "/a b", "/a?b"] }),
  maxBodyBytes: wrong("integer", 1, { also: [0] }),
  exposeErrors: wrong("boolean", true),
  security: wrong("object", {}, { also: [secret] }),
  idempotency: wrong("object", false),
  isolation: wrong("object", {}),
  onRunnerStart: wrong("function", unit),
  onRunnerStop: wrong("function", unit),
} as const;

const pem = "-----BEGIN CERTIFICATE-----";
const connectionFields = {
  tls: wrong("object", {}, { also: [{ cert: pem }, { key: pem }] }),
  proxy: wrong("text", "http://127.0.0.1:1", { also: ["ftp://127.0.0.1", "nowhere"], but: [false] }),
  transport: wrong("word", "link", { also: ["Link", "ws"] }),
} as const;

const configure = (config: unknown): Promise<void> => createFlame().configure(config as never);
const config = (options: unknown) => resolveConfig(options as FlameConfig, {});
const partOfConfig = (name: string) => ({
  path: `${name}.`,
  give: (options: unknown) => configure({ [name]: options }),
  read: (options: unknown) => config({ [name]: options }),
});

add<FlameConfig>("configure", {
  path: "",
  fields: {
    ...servingFields,
    mode: wrong("word", "local", { also: ["Local"] }),
    defaultPool: wrong("text", "p", { also: ["a b"] }),
    pools: wrong("object", {}, { also: [{ p: null }, { p: 5 }, { p: [] }, { "a b": {} }], but: [] }),
    backend: wrong("methods", backend, {
      also: [{ spawn: unit }, { ...backend, healthCheck: 5 }, { ...backend, name: 5 }],
    }),
    runnerUrl: wrong("text", "http://127.0.0.1:1", { also: ["not a url", "ftp://127.0.0.1"] }),
    ...connectionFields,
    requestTimeoutMs: wrong("number", 1, { also: [0] }),
    logger: wrong("methods", logger, { also: [{ info: unit }, { ...logger, debug: "x" }] }),
    telemetry: wrong("object", {}),
  },
  give: configure,
  read: config,
});
add<SecurityOptions>("security", { fields: securityFields, ...partOfConfig("security") });
add<SigningKeyOptions>("acceptKeys", {
  path: "security.acceptKeys[0].",
  fields: keyFields,
  needed: { id: "k", secret: "s" },
  give: (key) => configure({ security: { acceptKeys: [key] } }),
  read: (key) => config({ security: { acceptKeys: [key] } }),
});
add<IdempotencyOptions>("idempotency", { fields: idempotencyFields, ...partOfConfig("idempotency") });
add<IsolationOptions>("isolation", { fields: isolationFields, ...partOfConfig("isolation") });
add<TelemetryOptions>("telemetry", {
  fields: {
    metrics: wrong("methods", new Registry(), { but: [true] }),
    baggageKeys: wrong("list", ["tenant"], { also: [[""]] }),
    traces: wrong("boolean", false),
    methods: wrong("list", ["shop/*"], { also: [["shop"], ["a/b/c"], [5]] }),
    buckets: wrong("bounds", [0.1, 1]),
  },
  ...partOfConfig("telemetry"),
});

const updateFields: WrongFields<PoolUpdate> = {
  min: wrong("integer", 0),
  max: wrong("integer", 1, { also: [0] }),
  maxConcurrency: wrong("integer", 1, { also: [0] }),
  maxQueue: wrong("endless", Infinity),
  maxQueueWaitMs: wrong("endless", 0),
  routing: wrong("word", "pack", { also: ["pak"] }),
  scaling: wrong("function", unit),
  warm: wrong("integer", 0),
  idleShutdownMs: wrong("endless", unit, { but: [unit] }),
  minIdleShutdownMs: wrong("endless", 0),
  recycle: wrong("object", {}),
  drainTimeoutMs: wrong("endless", 0),
  panicThreshold: wrong("number", 1, { also: [1.1] }),
};
const partOfPool = (name: string) => ({
  path: `pools.p.${name}.`,
  give: (options: unknown) => configure({ pools: { p: { [name]: options } } }),
  read: (options: unknown) => config({ pools: { p: { [name]: options } } }),
});
add<PoolConfig>("pool", {
  path: "pools.p.",
  fields: {
    ...updateFields,
    ...connectionFields,
    labels: wrong("texts", { gpu: "l4" }),
    runners: wrong("list", [], { also: [["http://127.0.0.1:1"]] }),
    backend: wrong("methods", backend),
    spawnTimeoutMs: wrong("number", 1, { also: [0] }),
    singleUse: wrong("boolean", true),
    healthCheckMs: wrong("endless", 1, { also: [0] }),
    orphanTimeoutMs: wrong("endless", 100, { also: [99] }),
    onGrow: wrong("function", unit),
    onShrink: wrong("function", unit),
    onSaturated: wrong("function", unit),
    retryBudget: wrong("object", false),
  },
  give: (pool) => configure({ pools: { p: pool } }),
  read: (pool) => config({ pools: { p: pool } }),
});
add<PoolUpdate>("pool.update", {
  path: "pools.p.",
  fields: updateFields,
  give: (changes) => pooled.pools["p"]!.update(changes as never),
});
add<RecycleOptions>("recycle", {
  fields: {
    maxCalls: wrong("endless", 1, { also: [0] }),
    maxAgeMs: wrong("endless", 0),
    maxRssBytes: wrong("endless", 1, { also: [0] }),
  },
  ...partOfPool("recycle"),
});
add<TlsOptions>("tls", {
  fields: {
    ca: wrong("text", pem, { also: ["ca.pem", [pem, "ca.pem"]] }),
    cert: wrong("text", pem, { also: ["cert.pem"] }),
    key: wrong("text", pem, { also: ["key.pem"] }),
    passphrase: wrong("text", "open"),
    serverName: wrong("text", "runner.internal"),
  },
  needed: { cert: pem, key: pem },
  ...partOfPool("tls"),
});
add<RetryBudgetOptions>("retryBudget", {
  fields: {
    maxTokens: wrong("number", 1, { also: [0] }),
    tokenRatio: wrong("number", 0, { also: [-1] }),
    tokensPerSecond: wrong("number", 0, { also: [-1] }),
  },
  ...partOfPool("retryBudget"),
});
add<StaticRunner>("static runner", {
  path: "pools.p.runners[0].",
  fields: {
    id: wrong("text", "r", { also: ["a b"] }),
    url: wrong("text", "http://127.0.0.1:1", { also: [undefined, "nowhere"] }),
  },
  needed: { url: "http://127.0.0.1:1" },
  give: (runner) => configure({ pools: { p: { runners: [runner] } } }),
  read: (runner) => config({ pools: { p: { runners: [runner] } } }),
});

add<RunnerServerOptions>("createRunnerServer", {
  path: "",
  fields: {
    ...servingFields,
    port: wrong("integer", 0, { also: [65_536, "8080"] }),
    hostname: wrong("text", "127.0.0.1"),
    runnerId: wrong("text", "r", { also: ["a b", "x".repeat(256)] }),
    drainTimeoutMs: wrong("endless", 0),
    maxConcurrency: wrong("integer", 1, { also: [0] }),
    handleSignals: wrong("boolean", false),
  },
  give: (options) => createFlame().createRunnerServer(options as never),
  read: (options) => resolveRunnerOptions(options as never, resolveConfig({}, {}), {}),
});
add<StopOptions>("server.stop", {
  path: "",
  fields: { drainTimeoutMs: wrong("endless", 0) },
  give: (options) => server.stop(options as never),
});
add<FlameParts>("createFlame's parts", {
  path: "",
  fields: { registry: wrong("methods", instance.registry) },
  give: (parts) => createFlame({}, parts as never),
});

const entry = "./runner.ts";
add<ProcessBackendOptions>("processBackend", {
  path: "",
  fields: {
    entry: wrong("file", entry),
    runtime: wrong("text", "node"),
    runtimeArgs: wrong("list", ["--import", "x"]),
    args: wrong("list", []),
    command: wrong("list", ["node", "x.js"], { also: [[], ["", "x"]] }),
    cwd: wrong("text", "."),
    env: wrong("texts", { A: "", B: undefined }),
    host: wrong("text", "127.0.0.1"),
    logs: wrong("word", "inherit", { also: ["inherti"] }),
    onOutput: wrong("function", unit),
    stopGraceMs: wrong("number", 0, { also: [2 ** 31] }),
  },
  needed: { entry },
  give: (options) => processBackend(options as never),
  read: (options) => {
    const { entry: program, ...others } = options as ProcessBackendOptions;
    return processBackend(others.command === undefined ? { entry: program, ...others } : others);
  },
});

add<OpenTelemetryOptions>("startOpenTelemetry", {
  path: "",
  fields: {
    serviceName: wrong("text", "shop"),
    endpoint: wrong("text", "http://127.0.0.1:4318", { also: ["127.0.0.1:4318"] }),
    headers: wrong("texts", { authorization: "x" }),
    protocol: wrong("word", "http/json", { also: ["grpc"] }),
    metrics: wrong("methods", new Registry(), { also: [{ registry: {} }] }),
    metricsIntervalMs: wrong("number", 1, { also: [0] }),
    attributes: wrong("object", { a: 1, b: true, c: "" }, { also: [{ a: [] }, { a: Number.NaN }] }),
    instrumentations: wrong("list", []),
    flushTimeoutMs: wrong("number", 0),
  },
  give: (options) => startOpenTelemetry(options as never),
  read: unit,
});

const setting = wrong("number", 1, { also: [0] });
const thresholds = Object.fromEntries(
  Object.keys(defaultSettings.thresholds).map((name) => [name, setting]),
) as unknown as WrongFields<Thresholds>;
const settings = (options: unknown): unknown => completeSettings(options as never);
add<BundleOptions>("bundle", {
  path: "",
  fields: {
    name: wrong("text", "Shop", { also: [" "] }),
    uid: wrong("text", "shop", { also: ["My Shop", "x".repeat(40)] }),
    grafanaUrl: wrong("text", "https://grafana.example", { also: ["grafana"] }),
    runbookUrl: wrong("text", "https://wiki.example", { also: ["wiki"] }),
    datasources: wrong("object", {}),
    selector: wrong("text", "", { but: [""] }),
    collectorSelector: wrong("text", 'job="collector"', { also: ["collector"] }),
    slo: wrong("object", {}),
    thresholds: wrong("object", {}),
  },
  give: settings,
});
add<ServiceLevel>("slo", {
  path: "slo.",
  fields: {
    objective: wrong("number", 0.9, { also: [0, 1, 99.9] }),
    windowDays: wrong("number", 3, { also: [1] }),
    ignoredStatuses: wrong("list", ["CANCELLED"], { also: [["CANCELED"]] }),
    minFailures: wrong("number", 0),
  },
  give: (slo) => settings({ slo }),
});
add<Thresholds>("thresholds", {
  path: "thresholds.",
  fields: thresholds,
  give: (limits) => settings({ thresholds: limits }),
});
add<typeof defaultSettings.datasources>("datasources", {
  path: "datasources.",
  fields: { prometheus: wrong("text", "p"), tempo: wrong("text", "t"), loki: wrong("text", "l") },
  give: (datasources) => settings({ datasources }),
});
add<BundleOptions>("writeBundle", {
  path: "",
  fields: cases["bundle"]!.fields as unknown as WrongFields<BundleOptions>,
  give: (options) => writeBundle(options as never, "/nowhere"),
  read: unit,
});
const conformance = { makeBackend: unit, running: unit, crash: unit };
add<BackendConformanceOptions>("backendConformance", {
  path: "",
  fields: {
    makeBackend: wrong("function", unit, { also: [undefined] }),
    running: wrong("function", unit, { also: [undefined] }),
    crash: wrong("function", unit, { also: [undefined] }),
    disposeBackend: wrong("function", unit),
    concurrency: wrong("integer", 1, { also: [0] }),
    spawnTimeoutMs: wrong("number", 1),
    settleMs: wrong("number", 1),
    invokePath: servingFields.invokePath,
  },
  needed: conformance,
  give: (options) => backendConformance(options as never),
});

const failureOf = async (act: () => unknown): Promise<unknown> => {
  try {
    await act();
  } catch (error) {
    return error;
  }
  return "no error";
};

const show = (value: unknown): string =>
  typeof value === "symbol" || typeof value === "function" ? typeof value : String(value);

describe.each(Object.entries(cases))(
  "options of %s",
  (name, { fields, path, give: offer, read = offer, needed = {} }) => {
    const rows = Object.entries<Wrong>(fields);

    test.each(rows)(
      "%s: rejects wrong values with an error that names it, and accepts a correct one",
      async (field, { values, right }) => {
        for (const value of values) {
          const error = await failureOf(() => offer({ ...needed, [field]: value }));
          expect(error, `${field} as ${show(value)}`).toBeInstanceOf(ConfigError);
          const { message } = error as ConfigError;
          expect(message).toContain(`${path}${field}`);
          expect(message.length).toBeLessThan(700);
        }
        await read({ ...needed, [field]: right });
        await read({ ...needed, [field]: undefined, ...needed });
      },
    );

    test("rejects a misspelled field and suggests the correct one", async () => {
      for (const [field] of rows) {
        const error = await failureOf(() => offer({ ...needed, [misspell(field)]: 1 }));
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as ConfigError).message).toContain(
          `${path}${misspell(field)} is not an option. Did you mean ${field}?`,
        );
      }
    });

    test("rejects anything but an options object", async () => {
      for (const value of [
        null,
        "text",
        5,
        true,
        Number.NaN,
        ["a"],
        unit,
        new Map(),
        Promise.resolve({}),
        new Date(),
      ]) {
        // Decorators accept a string as the id.
        if (typeof value === "string" && name.startsWith("@")) continue;
        expect(await failureOf(() => offer(value)), show(value)).toBeInstanceOf(FlameError);
      }
    });

    test("rejects throwing getters and proxies with ConfigError", async () => {
      const [field = ""] = rows.at(-1) ?? [];
      const thrower = (): never => {
        throw new Error("hostile");
      };
      const revoked = Proxy.revocable({}, {});
      revoked.revoke();
      const hostile = [
        Object.defineProperty({ ...needed }, field, { get: thrower, enumerable: true }),
        { ...needed, [field]: new Proxy({}, { get: thrower, ownKeys: thrower, getPrototypeOf: thrower }) },
        new Proxy({}, { get: thrower, ownKeys: thrower, getPrototypeOf: thrower, has: thrower }),
        revoked.proxy,
      ];
      for (const options of hostile) expect(await failureOf(() => offer(options))).toBeInstanceOf(ConfigError);
    });

    test("reads objects without a prototype, and inherited getters", async () => {
      const [field, { values, right }] = rows[0]!;
      await read(Object.assign(Object.create(null) as object, { ...needed, [field]: right }));
      const inherited = (value: unknown): object => {
        const parent = Object.defineProperty({ ...needed }, field, { get: () => value });
        return Object.create(parent) as object;
      };
      await read(inherited(right));
      const error = await failureOf(() => offer(inherited(values[0])));
      expect((error as ConfigError).message).toContain(`${path}${field}`);
    });
  },
);

describe("a single-value argument", () => {
  test.each<[string, () => unknown]>([
    ["buffer: spareSlots is -1", () => buffer(-1)],
    ['buffer: spareSlots is "2"', () => buffer("2" as never)],
    ["targetUtilization: share is 0", () => targetUtilization(0)],
    ["targetUtilization: share is 80", () => targetUtilization(80)],
    ["onFlush: hook is null", () => onFlush(null as never)],
    ["idempotencyStoreConformance: makeStore is an object", () => idempotencyStoreConformance(store as never)],
    ["FirelightMetricProducer: registry has no getMetricsAsJSON()", () => new FirelightMetricProducer({} as never)],
    ["writeBundle: folder is undefined", () => writeBundle(defaultSettings, undefined as never)],
    ["createFlame: the configuration is an array", () => createFlame([] as never).configure({})],
    ["m/default.map: items is 3", () => method.map(3 as never)],
  ])("is rejected: %s", async (message, act) => {
    expect(await failureOf(act)).toMatchObject({ _tag: "ConfigError", message: expect.stringContaining(message) });
  });
});

describe("an error about a wrong option does not print the secret", () => {
  const hidden = "hunter2hunter2";
  test.each<[string, () => unknown]>([
    ["in an object passed as secret", () => configure({ security: { secret: { [hidden]: hidden } } })],
    ["in a number passed as secret", () => configure({ security: { secret: Number.parseInt("777333777", 10) } })],
    ["passed as security", () => configure({ security: hidden })],
    ["passed as acceptKeys", () => configure({ security: { acceptKeys: hidden } })],
    ["passed as a signing key", () => configure({ security: { acceptKeys: [hidden] } })],
    ["passed as keyId", () => configure({ security: { keyId: `${hidden} x` } })],
    ["passed as windowMs", () => configure({ security: { windowMs: hidden } })],
    ["in a misspelled field of security", () => configure({ security: { secrets: hidden } })],
    ["outside of security", () => configure({ secret: hidden })],
    [
      "in the options of a runner server",
      () => createFlame().createRunnerServer({ security: { acceptKeys: { hidden } as never } }),
    ],
    ["in the URL of a runner", () => configure({ runnerUrl: `ftp://user:${hidden}@127.0.0.1` })],
    ["in the URL of a pool's runner", () => configure({ pools: { p: { runners: [{ url: `x://u:${hidden}@h` }] } } })],
    ["in headers", () => startOpenTelemetry({ headers: { authorization: [hidden] as never } })],
    ["passed as headers", () => startOpenTelemetry({ headers: hidden as never })],
    ["in the environment of runners", () => processBackend({ entry, env: { KEY: [hidden] as never } })],
    ["passed as the environment", () => processBackend({ entry, env: hidden as never })],
    ["in an idempotency key", () => method.with({ idempotencyKey: ` ${hidden}` })],
  ])("%s", async (_case, act) => {
    const error = await failureOf(act);
    expect(error).toBeInstanceOf(ConfigError);
    const { message, stack } = error as ConfigError;
    for (const text of [message, stack]) expect(text).not.toMatch(/hunter2|777333777/);
  });
});

test("reads options once: later changes to the object have no effect", async () => {
  const options = { timeoutMs: 5_000, retry: { maxAttempts: 1 }, labels: { a: "b" } };
  const define = defineMethod(fresh(), unit, options);
  options.timeoutMs = Number.NaN;
  options.retry.maxAttempts = Number.NaN;
  expect(define.options).toEqual({ timeoutMs: 5_000, retry: { maxAttempts: 1 }, labels: { a: "b" } });

  const changing = { exposeErrors: false };
  const flame = createFlame();
  await flame.configure(changing);
  changing.exposeErrors = "false" as never;
  await flame.configure({ requestTimeoutMs: 1_000 });
  await flame.shutdown();
});

test("with() reads an inherited getter of its options", async () => {
  class Hurry {
    get timeoutMs(): number {
      return 0;
    }
  }
  await expect(method.with(new Hurry())(1)).rejects.toMatchObject({ code: "timeout" });
});
