/** A tracing SDK that samples and batches everything and exports it to nowhere. */
import { node, tracing } from "@opentelemetry/sdk-node";

/** Registers it; the count tells how many spans it was given. */
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
