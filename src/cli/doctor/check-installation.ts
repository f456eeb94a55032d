/** Checks the runtime, the optional peer dependencies, and that there is one copy of the OpenTelemetry API. */
import { checkCopies } from "./check-copies.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";
import { findPackage, firelight, type InstalledPackage, packagesOfScope } from "./installed-package.ts";
import { compareVersions, isInRange } from "./version-range.ts";

const api = "@opentelemetry/api";

const checkRuntime = (engines: Readonly<Record<string, string>>): Finding => {
  const bun = process.versions["bun"];
  const [name, key, version] = bun === undefined ? ["Node", "node", process.versions.node] : ["Bun", "bun", bun];
  const wanted = engines[key] ?? "*";
  const seen = `${name} ${version}`;
  return isInRange(version, wanted)
    ? ok("runtime", seen)
    : failed("runtime", `${seen}, but ${wanted} is required`, `Install a newer ${name}.`);
};

/**
 * The supported versions. The manifest accepts any version of an optional peer, so installing Firelight never changes
 * the versions of an application.
 */
const sdkVersions: Readonly<Record<string, string>> = {
  "@opentelemetry/sdk-trace": ">=2.9.0 <4",
  "@opentelemetry/sdk-metrics": ">=2.9.0 <4",
  "@opentelemetry/sdk-logs": ">=0.220.0 <4",
  "@opentelemetry/context-async-hooks": ">=2.0.0 <4",
  "@opentelemetry/exporter-trace-otlp-proto": ">=0.220.0 <1",
  "@opentelemetry/exporter-metrics-otlp-proto": ">=0.220.0 <1",
  "@opentelemetry/exporter-logs-otlp-proto": ">=0.220.0 <1",
};

const registryVersions: Readonly<Record<string, string>> = { "@prometheus-io/client": ">=0.16.0 <1" };

/** For `firelight dashboards` and `firelight/bundle`. Other versions may be installed for other purposes. */
const bundleVersions: Readonly<Record<string, string>> = {
  "@grafana/grafana-foundation-sdk": ">=0.0.21 <0.1",
  yaml: ">=2.4.0 <3",
};

const sdkNode = "@opentelemetry/sdk-node";

/** Finds an SDK package as `firelight/otel` does: directly, or below `sdk-node`. */
const findSdkPackage = (name: string, from: string): InstalledPackage | undefined => {
  const found = findPackage(name, from);
  if (found !== undefined) return found;
  const parent = findPackage(sdkNode, from);
  return parent && findPackage(name, parent.folder);
};

const isUnsupported = ({ name, version }: InstalledPackage, versions: Readonly<Record<string, string>>): boolean =>
  !isInRange(version, versions[name] ?? "*");

const versionText = ({ name, version }: InstalledPackage, range: string | undefined): string =>
  `${name} is ${version}, but Firelight supports ${range}`;

const checkPeers = (from: string): ReadonlyArray<Finding> => {
  const sdk = Object.keys(sdkVersions).flatMap((name) => findSdkPackage(name, from) ?? []);
  const missing = Object.keys(sdkVersions).filter((name) => !sdk.some((one) => one.name === name));
  const client = Object.keys(registryVersions).flatMap((name) => findPackage(name, from) ?? []);
  const unsupported = [
    ...client.filter((found) => isUnsupported(found, registryVersions)),
    ...(missing.length === 0 ? sdk.filter((found) => isUnsupported(found, sdkVersions)) : []),
  ];
  const ranges = { ...sdkVersions, ...registryVersions };
  const findings = unsupported.map((found) =>
    failed("packages", versionText(found, ranges[found.name]), `npm i "${found.name}@${ranges[found.name]}"`),
  );
  const bundle = Object.keys(bundleVersions).flatMap((name) => findPackage(name, from) ?? []);
  for (const found of bundle.filter((one) => isUnsupported(one, bundleVersions)))
    findings.push(
      skipped(
        "packages",
        `firelight dashboards may not work: ${versionText(found, bundleVersions[found.name])}`,
        `If you need it: npm i "${found.name}@${bundleVersions[found.name]}"`,
      ),
    );
  if (missing.length === 0) findings.push(ok("packages", "all packages of firelight/otel are installed"));
  else {
    const all = missing.length === Object.keys(sdkVersions).length;
    findings.push(
      skipped(
        "packages",
        `firelight/otel cannot be used: ${all ? "its packages" : missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed`,
        "Needed only if your service has no OpenTelemetry SDK of its own: see docs/tracing.md.",
      ),
    );
  }
  return findings;
};

/** Whether all packages of `firelight/otel` are installed. */
export const hasSdk = (project: string): boolean =>
  Object.keys(sdkVersions).every((name) => findSdkPackage(name, project) !== undefined);

interface Copy extends InstalledPackage {
  /** The packages that load it. */
  readonly usedBy: Array<string>;
}

/** Returns the copies of the API that the packages of this project load. */
const apiCopies = (project: string, ours: string): ReadonlyArray<Copy> => {
  const copies = new Map<string, Copy>();
  const users: ReadonlyArray<readonly [name: string, folder: string]> = [
    ["firelight", ours],
    ["your code", project],
    ...packagesOfScope("@opentelemetry", project).map(({ name, folder }) => [name, folder] as const),
  ];
  for (const [user, folder] of users) {
    if (user === api) continue;
    const found = findPackage(api, folder);
    if (found === undefined) continue;
    const copy = copies.get(found.folder);
    if (copy === undefined) copies.set(found.folder, { ...found, usedBy: [user] });
    else copy.usedBy.push(user);
  }
  return [...copies.values()];
};

const majorMinor = (version: string): string => version.split(".", 2).join(".");

/**
 * A copy of the API can use what an equal or newer minor version registered. From an older one it gets a silent no-op.
 */
const checkApi = (project: string, ours: string): Finding => {
  const check = "OpenTelemetry API";
  const copies = apiCopies(project, ours);
  const own = copies.find(({ usedBy }) => usedBy.includes("firelight"));
  if (own === undefined) return failed(check, `${api} is not installed, but Firelight requires it`, `npm i ${api}`);
  const others = copies.filter((copy) => copy !== own);
  if (others.length === 0) return ok(check, `one copy, ${own.version}`);
  const words = others.map(({ version, usedBy }) => `${version} for ${usedBy.slice(0, 3).join(", ")}`).join("; ");
  const older = others.find(({ version }) => compareVersions(majorMinor(version), majorMinor(own.version)) < 0);
  const fix = `Keep one copy: run npm dedupe, or add an "overrides" entry for ${api} to package.json. npm ls ${api} shows which package needs which.`;
  return older === undefined
    ? { ...ok(check, `${own.version} for firelight, and other compatible copies: ${words}`), fix }
    : failed(
        check,
        `${own.version} for firelight, and ${words}: Firelight does not see a provider that the older copy registers, so its spans are lost without an error`,
        fix,
        "FlameTelemetryLoss",
      );
};

/** Checks the installed packages, from the project's folder. */
export const checkInstallation = (project: string): ReadonlyArray<Finding> => {
  const { folder, manifest } = firelight();
  return [checkRuntime(manifest.engines), ...checkPeers(project), ...checkCopies(project), checkApi(project, folder)];
};
