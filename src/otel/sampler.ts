/** Creates the sampler in `OTEL_TRACES_SAMPLER`. */
import type { Sampler } from "@opentelemetry/sdk-trace";
import { number, report, text } from "./environment.ts";
import type { Sdk } from "./packages.ts";

const ratio = (): number => {
  const value = number(["OTEL_TRACES_SAMPLER_ARG"], 0) ?? 1;
  if (value <= 1) return value;
  report("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1");
  return 1;
};

/** `undefined` if the variable is not set or unsupported; the SDK's default applies. */
export const samplerFromEnvironment = ({ trace }: Sdk): Sampler | undefined => {
  const samplers: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new trace.AlwaysOnSampler(),
    always_off: () => new trace.AlwaysOffSampler(),
    traceidratio: () => new trace.TraceIdRatioBasedSampler(ratio()),
    parentbased_always_on: () => new trace.ParentBasedSampler({ root: new trace.AlwaysOnSampler() }),
    parentbased_always_off: () => new trace.ParentBasedSampler({ root: new trace.AlwaysOffSampler() }),
    parentbased_traceidratio: () => new trace.ParentBasedSampler({ root: new trace.TraceIdRatioBasedSampler(ratio()) }),
  };
  const name = text("OTEL_TRACES_SAMPLER");
  if (name === undefined) return undefined;
  const make = samplers[name];
  if (make === undefined) report("OTEL_TRACES_SAMPLER", Object.keys(samplers).join(", "));
  return make?.();
};
