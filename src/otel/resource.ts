/** Builds the resource of the process: the SDK's defaults, detectors, variables, options, and the runner's identity. */
import type { Resource, ResourceDetector } from "@opentelemetry/resources";
import { list } from "./environment.ts";
import type { Sdk } from "./packages.ts";

export interface ResourceOptions {
  readonly serviceName?: string | undefined;
  readonly attributes?: Readonly<Record<string, string | number | boolean>> | undefined;
}

const identityVariables = {
  "service.instance.id": "FLAME_RUNNER_ID",
  "flame.pool.name": "FLAME_POOL",
  "flame.runner.backend": "FLAME_BACKEND",
} as const;

/** Applied after the variables: a runner inherits `OTEL_RESOURCE_ATTRIBUTES` from its parent, but not its identity. */
const ownAttributes = ({ attributes, serviceName }: ResourceOptions): Record<string, string | number | boolean> => {
  const all: Record<string, string | number | boolean> = { "process.pid": process.pid, ...attributes };
  for (const [name, variable] of Object.entries(identityVariables)) {
    const value = process.env[variable];
    if (value !== undefined && value !== "") all[name] = value;
  }
  if (serviceName !== undefined) all["service.name"] = serviceName;
  return all;
};

/** Returns the detectors in `OTEL_NODE_RESOURCE_DETECTORS`; only the host detector by default. */
const detectorsFromEnvironment = ({ resources }: Sdk): ReadonlyArray<ResourceDetector> => {
  const { hostDetector, osDetector, processDetector, serviceInstanceIdDetector } = resources;
  const known: Readonly<Record<string, ReadonlyArray<ResourceDetector>>> = {
    env: [],
    host: [hostDetector],
    os: [osDetector],
    process: [processDetector],
    serviceinstance: [serviceInstanceIdDetector],
    service: [serviceInstanceIdDetector],
  };
  const names = list("OTEL_NODE_RESOURCE_DETECTORS") ?? ["host"];
  if (names.includes("none")) return [];
  if (names.includes("all")) return [hostDetector, osDetector, processDetector, serviceInstanceIdDetector];
  return names.flatMap((name) => {
    if (known[name] === undefined)
      console.warn(
        `firelight: OTEL_NODE_RESOURCE_DETECTORS contains "${name}", which is not supported and was ignored. Use all, none, or a list of ${Object.keys(known).join(", ")}.`,
      );
    return known[name] ?? [];
  });
};

/** `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` apply with any choice of detectors. */
export const makeResource = (sdk: Sdk, options: ResourceOptions): Resource => {
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = sdk.resources;
  return defaultResource()
    .merge(detectResources({ detectors: [...detectorsFromEnvironment(sdk), envDetector] }))
    .merge(resourceFromAttributes(ownAttributes(options)));
};
