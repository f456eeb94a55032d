/** A tracing SDK that samples and batches everything and discards it on export. */
import { node, tracing } from "@opentelemetry/sdk-node";

/** Registers the SDK. `exported` returns the number of spans that it received. */
export const traceEverything = (): { readonly exported: () => number } => {
  let exported = 0;
  new node.NodeTracerProvider({
    sampler: new tracing.AlwaysOnSampler(),
    spanProcessors: [
      new tracing.BatchSpanProcessor({
        export: (spans, done) => {
          exported += spans.length;
          done({ code: 0 });
        },
        shutdown: () => Promise.resolve(),
      }),
    ],
  }).register();
  return { exported: () => exported };
};
