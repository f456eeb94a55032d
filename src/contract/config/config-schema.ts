/** Checks the configuration of an instance. */
import { integer, milliseconds } from "../validation/check-number.ts";
import { boolean, either, fn, having, list, oneOf, record, text } from "../validation/option-checks.ts";
import { type Check, check, type Fields, notAllowed, object, required } from "../validation/option-schema.ts";
import type {
  FlameConfig,
  Logger,
  MetricsRegistry,
  SecurityOptions,
  SigningKeyOptions,
  TelemetryOptions,
} from "./options.ts";
import { isolationSchema } from "./isolation.ts";
import type { RunnerHooks } from "./runner-hooks.ts";
import { connectionFields, runnerUrl, transport } from "./connection-schema.ts";
import { backend, identifier, identifierRule, poolSchema } from "./pool-schema.ts";
import { idempotencySchema } from "./resolve-idempotency.ts";

const secret = text({ allowed: "the same long random string on both sides", secret: true });

/** The id of a key. */
export const keyId = text({ ...identifierRule, secret: true });

/** The path of invocations. */
export const invokePath = text({ allowed: 'an absolute path such as "/invoke"', pattern: /^\/[\w\-./~%]*$/ });

const security = object<SecurityOptions>(
  {
    secret,
    keyId,
    acceptKeys: list(object<SigningKeyOptions>({ id: required(keyId), secret: required(secret) }, { secret: true }), {
      secret: true,
    }),
    windowMs: milliseconds({ min: 1, secret: true }),
  },
  { secret: true },
);

const rising = "an array of seconds above 0, each greater than the one before, such as [0.1, 1, 10]";

/** Bounds of buckets. */
const buckets: Check<ReadonlyArray<number>> = check(rising, (value): ReadonlyArray<number> => {
  const rises = (bound: unknown, index: number): boolean =>
    typeof bound === "number" &&
    Number.isFinite(bound) &&
    bound > (index === 0 ? 0 : Number(Reflect.get(value as object, index - 1)));
  if (Array.isArray(value) && value.every(rises)) return [...(value as ReadonlyArray<number>)];
  throw notAllowed(value, rising);
});

const telemetry = object<TelemetryOptions>({
  metrics: either(
    boolean(),
    having<MetricsRegistry>(
      "a registry of prom-client or @prometheus-io/client",
      ["registerMetric", "getSingleMetric", "metrics"],
      { texts: ["contentType"] },
    ),
  ),
  baggageKeys: list(text()),
  traces: boolean(),
  methods: list(text({ allowed: '"service/method" or "service/*"', pattern: /^[^/*]+\/([^/*]+|\*)$/ })),
  buckets,
});

/** What a parent's configuration and a runner's options have in common. */
export const servingFields: Fields<
  Pick<
    FlameConfig,
    "invokePath" | "security" | "maxBodyBytes" | "exposeErrors" | "idempotency" | "isolation" | keyof RunnerHooks
  >
> = {
  invokePath,
  security,
  maxBodyBytes: integer("bytes", { min: 1 }),
  exposeErrors: boolean(),
  idempotency: idempotencySchema,
  isolation: isolationSchema,
  onRunnerStart: fn(),
  onRunnerStop: fn(),
};

const poolOption = "is an option of a pool. Use pools: { default: { … } }.";
const securityOption = "is an option of security. Use security: { … }.";
const serverOption = "is an option of createRunnerServer.";

/** The configuration of an instance. */
export const configSchema = object<FlameConfig>(
  {
    ...servingFields,
    mode: oneOf(["parent", "runner", "local"]),
    defaultPool: identifier,
    pools: record(poolSchema, { names: identifierRule }),
    backend,
    runnerUrl,
    ...connectionFields,
    transport,
    requestTimeoutMs: milliseconds({ min: 1 }),
    logger: having<Logger>("a logger", ["info", "warn", "error"], { methods: ["debug"] }),
    telemetry,
  },
  {
    allowed: 'an object such as { mode: "local" }',
    elsewhere: {
      ...Object.fromEntries(Object.keys(poolSchema.fields).map((name) => [name, poolOption])),
      ...Object.fromEntries(Object.keys(security.fields).map((name) => [name, securityOption])),
      ...Object.fromEntries(["port", "hostname", "runnerId", "handleSignals"].map((name) => [name, serverOption])),
    },
  },
);
