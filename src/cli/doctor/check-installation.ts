/** Checks the runtime, the optional peers, and that there is one copy of OpenTelemetry's API. */
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
    : failed("runtime", `${seen}, and ${wanted} is needed`, `Install a newer ${name}.`);
};

/** What it takes to send telemetry with `firelight/otel`. */
const sdkPeers = [
  "@opentelemetry/sdk-node",
  "@opentelemetry/api-logs",
  "@opentelemetry/exporter-trace-otlp-proto",
  "@opentelemetry/exporter-logs-otlp-proto",
  "@opentelemetry/exporter-metrics-otlp-proto",
] as const;

const checkPeers = (peers: Readonly<Record<string, string>>, from: string): ReadonlyArray<Finding> => {
  const found = Object.keys(peers).flatMap((name) => (name === api ? [] : (findPackage(name, from) ?? [])));
  const unfit = found.filter(({ name, version }) => !isInRange(version, peers[name]!));
  const missing = sdkPeers.filter((name) => !found.some((one) => one.name === name));
  const findings = unfit.map(({ name, version }) =>
    failed(
      "packages",
      `${name} is ${version}, and Firelight is made for ${peers[name]}`,
      `npm i "${name}@${peers[name]}"`,
    ),
  );
  if (missing.length === 0) findings.push(ok("packages", "all that firelight/otel needs is installed"));
  else {
    findings.push(
      skipped(
        "packages",
        `firelight/otel cannot be used: ${missing.length === sdkPeers.length ? "its packages" : missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed`,
        "Needed only if your service has no OpenTelemetry SDK of its own: see docs/observability.md.",
      ),
    );
  }
  return findings;
};

interface Copy extends InstalledPackage {
  /** Who would load it. */
  readonly usedBy: Array<string>;
}

/** The copies of the API that this project's packages would load. */
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

/** A copy can use what an equal or newer minor version registered, and gets a silent no-op from an older one. */
const checkApi = (project: string, ours: string): Finding => {
  const check = "OpenTelemetry API";
  const copies = apiCopies(project, ours);
  const own = copies.find(({ usedBy }) => usedBy.includes("firelight"));
  if (own === undefined)
    return failed(check, `${api} is not installed, and Firelight cannot be loaded without it`, `npm i ${api}`);
  const others = copies.filter((copy) => copy !== own);
  if (others.length === 0) return ok(check, `one copy, ${own.version}`);
  const words = others.map(({ version, usedBy }) => `${version} for ${usedBy.slice(0, 3).join(", ")}`).join("; ");
  const older = others.find(({ version }) => compareVersions(majorMinor(version), majorMinor(own.version)) < 0);
  const fix = `Leave one copy: npm dedupe, or an "overrides" entry for ${api} in package.json; npm ls ${api} shows who wants which.`;
  return older === undefined
    ? { ...ok(check, `${own.version} for firelight, and other copies that fit: ${words}`), fix }
    : failed(
        check,
        `${own.version} for firelight, and ${words}: a provider that the older one registers is not seen by Firelight, and its spans go nowhere, without an error`,
        fix,
        "FlameTelemetryLoss",
      );
};

/** Looks at what is installed, from the folder of the project. */
export const checkInstallation = (project: string): ReadonlyArray<Finding> => {
  const { folder, manifest } = firelight();
  return [
    checkRuntime(manifest.engines),
    ...checkPeers(manifest.peerDependencies, project),
    ...checkCopies(project),
    checkApi(project, folder),
  ];
};
