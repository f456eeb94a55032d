/** The methods that run on the runners. They call a supplier over HTTP, as most handlers call something. */
import { defineMethod, flame } from "firelight";

/** Where the supplier is, in the environment of runners. */
export const supplierVariable = "DRILL_SUPPLIER_URL";

const ask = async (path: string, signal: AbortSignal): Promise<string> => {
  const response = await fetch(`${process.env[supplierVariable]}${path}`, { signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`The supplier answered ${response.status}: ${text}`);
  return text;
};

export const Shop = flame.service("shop", {
  price: defineMethod("price", (ctx, item: string) => ask(`/prices/${item}`, ctx.signal)),

  /** Runs out of memory on large catalogs; the kernel then ends the process, as here. */
  catalog: defineMethod("catalog", async (ctx, pages: number) => {
    if (pages > 1_000) process.kill(process.pid, "SIGKILL");
    return ask(`/prices/${pages}`, ctx.signal);
  }),
});

/** Loads a model before the runner accepts calls. It takes as long as the supplier takes. */
export const loadModel = (): Promise<string> => ask("/model", AbortSignal.timeout(60_000));
