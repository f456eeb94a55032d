/** Checks a user's settings and fills in the defaults. */
import { number, quantity } from "../contract/validation/check-number.ts";
import { list, oneOf, text } from "../contract/validation/option-checks.ts";
import { type Check, check, notAllowed, object, readOption } from "../contract/validation/option-schema.ts";
import { alertNames } from "./alert-names.ts";
import { type BundleSettings, defaultSettings, type ServiceLevel, type Thresholds } from "./settings.ts";

/** Settings with every field optional, at every level. */
export type PartialSettings<Of> = {
  readonly [Key in keyof Of]?: Of[Key] extends ReadonlyArray<unknown>
    ? Of[Key]
    : Of[Key] extends object
      ? PartialSettings<Of[Key]>
      : Of[Key];
};

/** Options of {@link completeSettings}: {@link BundleSettings} with every field optional. */
export type BundleOptions = PartialSettings<BundleSettings>;

/** Grafana limits uids to 40 characters. The uid of an alert is the bundle's uid, a hyphen and the alert's name. */
const maxUidLength = 40 - 1 - Math.max(...alertNames.map((name) => name.replace(/^Flame/, "").length));

const uid = text({
  allowed: `at most ${maxUidLength} lowercase letters, digits and single hyphens`,
  pattern: new RegExp(`^(?=.{1,${maxUidLength}}$)[a-z0-9]+(-[a-z0-9]+)*$`),
});

const isAddress = (value: unknown): value is string =>
  typeof value === "string" && /^https?:$/.test(URL.parse(value)?.protocol ?? "");

const address = (example: string): Check<string> => {
  const allowed = `an address such as ${example}`;
  return check(allowed, (value) => {
    if (isAddress(value)) return value;
    throw notAllowed(value, allowed);
  });
};

/** The gRPC status names. */
const statuses: ReadonlyArray<string> = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

const positive = quantity("a number", { above: 0 });

const thresholds = object<PartialSettings<Thresholds>>({
  saturationHigh: positive,
  saturationFull: positive,
  saturatedWaitSeconds: positive,
  forecastSeconds: positive,
  forecastShare: positive,
  acquireSeconds: positive,
  acquireTimeoutShare: positive,
  amplification: positive,
  retriesRefusedShare: positive,
  deadlineShare: positive,
  bootSeconds: positive,
  bootFailureShare: positive,
  crashes: positive,
  signatureRejections: positive,
  clockOffsetSeconds: positive,
  lostSpanShare: positive,
  minEvents: positive,
  minBoots: positive,
});

const slo = object<PartialSettings<ServiceLevel>>({
  objective: quantity("the share of calls that must succeed, such as 0.999,", { above: 0, below: 1 }),
  windowDays: quantity("a number of days (the slowest alert looks at 3 days)", { min: 3 }),
  ignoredStatuses: list(oneOf<string>(statuses)),
  minFailures: number("calls", { min: 0 }),
});

const schema = object<BundleOptions>(
  {
    name: text({ allowed: "a name for the dashboards, such as the service's", pattern: /\S/ }),
    uid,
    grafanaUrl: address("https://grafana.example"),
    runbookUrl: address("https://wiki.example/firelight"),
    datasources: object<PartialSettings<BundleSettings["datasources"]>>({
      prometheus: text(),
      tempo: text(),
      loki: text(),
    }),
    selector: text({ allowed: `a string of matchers, such as 'job=~"shop.*"'`, pattern: /^/ }),
    collectorSelector: text({ allowed: `a string of matchers, such as 'job="collector"'`, pattern: /=/ }),
    slo,
    thresholds,
  },
  { allowed: 'an object such as { name: "Shop", uid: "shop" }' },
);

/**
 * Fills in the default of every setting that is left out, and checks the rest.
 *
 * @param options your settings
 * @throws {ConfigError} for an unknown setting, a wrong type or an invalid value.
 *
 * @example
 * ```ts
 * completeSettings({ name: "Shop", uid: "shop", slo: { objective: 0.995 } });
 * ```
 */
export const completeSettings = (options: BundleOptions = {}): BundleSettings => {
  const given = readOption(schema, options, "", "The settings");
  const { datasources, grafanaUrl, slo: level, thresholds: limits } = defaultSettings;
  return {
    ...defaultSettings,
    ...given,
    grafanaUrl: (given.grafanaUrl ?? grafanaUrl).replace(/\/+$/, ""),
    datasources: { ...datasources, ...given.datasources },
    slo: { ...level, ...given.slo },
    thresholds: { ...limits, ...given.thresholds },
  };
};
