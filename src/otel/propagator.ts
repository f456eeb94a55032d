/** Creates the propagator in `OTEL_PROPAGATORS`, for other code in the process that sends and receives requests. */
import type { TextMapPropagator } from "@opentelemetry/api";
import { list } from "./environment.ts";
import { loadOptional, type Sdk } from "./packages.ts";

interface B3Package {
  readonly B3Propagator: new (config?: { readonly injectEncoding: number }) => TextMapPropagator;
  readonly B3InjectEncoding: { readonly MULTI_HEADER: number };
}

interface JaegerPackage {
  readonly JaegerPropagator: new () => TextMapPropagator;
}

const b3Package = "@opentelemetry/propagator-b3";
const jaegerPackage = "@opentelemetry/propagator-jaeger";
const packages: Readonly<Record<string, string>> = { b3: b3Package, b3multi: b3Package, jaeger: jaegerPackage };

const propagatorOf = (name: string, { core }: Sdk): TextMapPropagator | undefined => {
  switch (name) {
    case "tracecontext":
      return new core.W3CTraceContextPropagator();
    case "baggage":
      return new core.W3CBaggagePropagator();
    case "b3": {
      const b3 = loadOptional(b3Package) as B3Package | undefined;
      return b3 && new b3.B3Propagator();
    }
    case "b3multi": {
      const b3 = loadOptional(b3Package) as B3Package | undefined;
      return b3 && new b3.B3Propagator({ injectEncoding: b3.B3InjectEncoding.MULTI_HEADER });
    }
    case "jaeger": {
      const jaeger = loadOptional(jaegerPackage) as JaegerPackage | undefined;
      return jaeger && new jaeger.JaegerPropagator();
    }
    default:
      return undefined;
  }
};

/** W3C trace context and baggage by default; `undefined` for `none`. */
export const propagatorFromEnvironment = (sdk: Sdk): TextMapPropagator | undefined => {
  const names = list("OTEL_PROPAGATORS") ?? ["tracecontext", "baggage"];
  if (names.includes("none")) return undefined;
  const propagators = names.flatMap((name) => {
    const propagator = propagatorOf(name, sdk);
    if (propagator !== undefined) return [propagator];
    const fix =
      packages[name] === undefined
        ? "Use tracecontext, baggage, b3, b3multi, jaeger or none."
        : `Install the package ${packages[name]}.`;
    console.warn(`firelight: OTEL_PROPAGATORS contains "${name}", which is not supported and was ignored. ${fix}`);
    return [];
  });
  return propagators.length === 0 ? undefined : new sdk.core.CompositePropagator({ propagators });
};
