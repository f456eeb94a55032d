/** Settings as a user writes them, with the rest filled in, and checked. */
import { alertNames } from "./alert-names.ts";
import { burnRates } from "./rules/burn-rate.ts";
import { type BundleSettings, defaultSettings } from "./settings.ts";

export type PartialSettings<Of> = {
  readonly [Key in keyof Of]?: Of[Key] extends ReadonlyArray<unknown>
    ? Of[Key]
    : Of[Key] extends object
      ? PartialSettings<Of[Key]>
      : Of[Key];
};

/** Settings of which everything may be left out. */
export type BundleOptions = PartialSettings<BundleSettings>;

/** Settings without a default, with a value of their kind. */
const optional = { runbookUrl: "" } as const;

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string => (Array.isArray(value) ? "list" : isGroup(value) ? "group" : typeof value);

/** The defaults with the given values in place of theirs. */
const merge = (path: string, defaults: Readonly<Record<string, unknown>>, given: unknown): Record<string, unknown> => {
  if (!isGroup(given))
    throw new TypeError(`${path || "The settings"} must be a group of settings, not a ${kindOf(given)}.`);
  const known: Readonly<Record<string, unknown>> = path === "" ? { ...defaults, ...optional } : defaults;
  const merged: Record<string, unknown> = { ...defaults };
  for (const [key, value] of Object.entries(given)) {
    const name = path === "" ? key : `${path}.${key}`;
    if (value === undefined) continue;
    if (!Object.hasOwn(known, key))
      throw new TypeError(`There is no setting ${name}. There are: ${Object.keys(known).join(", ")}.`);
    const usual = known[key];
    if (isGroup(usual)) {
      merged[key] = merge(name, usual, value);
    } else if (kindOf(value) === kindOf(usual)) {
      merged[key] = value;
    } else {
      throw new TypeError(`${name} must be a ${kindOf(usual)}, not a ${kindOf(value)}.`);
    }
  }
  return merged;
};

/** Grafana takes uids of 40 characters; those of its alerts are the uid, a hyphen and the alert's name. */
const longestUid = 40 - 1 - Math.max(...alertNames.map((name) => name.replace(/^Flame/, "").length));

const isAddress = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

const check = (settings: BundleSettings): void => {
  const { name, uid, grafanaUrl, runbookUrl, slo, thresholds } = settings;
  const fail = (problem: string): never => {
    throw new RangeError(problem);
  };
  if (name.trim() === "") fail("name is empty. Give the dashboards a name, such as the service's.");
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(uid) || uid.length > longestUid)
    fail(
      `uid is "${uid}". It may have lower-case letters, digits and single hyphens, and ${longestUid} characters at most.`,
    );
  if (!isAddress(grafanaUrl))
    fail(`grafanaUrl is "${grafanaUrl}". Give it an address such as https://grafana.example.`);
  if (runbookUrl !== undefined && !isAddress(runbookUrl))
    fail(`runbookUrl is "${runbookUrl}". Give it an address such as https://wiki.example/firelight.`);
  burnRates(slo);
  const wrong = Object.entries(thresholds).find(([, value]) => !(Number.isFinite(value) && value > 0));
  if (wrong !== undefined) fail(`thresholds.${wrong[0]} is ${wrong[1]}. It must be above 0.`);
};

/**
 * The settings with defaults for what is left out.
 *
 * ```ts
 * completeSettings({ name: "Shop", uid: "shop", slo: { objective: 0.995 } });
 * ```
 *
 * @throws {TypeError} for a setting that does not exist or is of another kind
 * @throws {RangeError} for a value that makes no sense
 */
export const completeSettings = (options: BundleOptions = {}): BundleSettings => {
  const merged = merge("", { ...defaultSettings }, options) as unknown as BundleSettings;
  const settings = { ...merged, grafanaUrl: merged.grafanaUrl.replace(/\/+$/, "") };
  check(settings);
  return settings;
};
