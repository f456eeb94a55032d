/** The supplier that handlers ask: a server beside the parent, as fast and as well as the drill says. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Supplier {
  readonly url: string;
  /** Milliseconds that the next answer about a price takes. */
  priceMs: () => number;
  /** Whether the next question about a price is refused with 503. */
  refuses: () => boolean;
  /** Milliseconds that a model takes. */
  modelMs: () => number;
}

/** Starts a supplier that is well. It does not keep the process alive. */
export const startSupplier = async (): Promise<Supplier> => {
  const server = createServer((request, response) => {
    const model = request.url === "/model";
    const refused = !model && supplier.refuses();
    const timer = setTimeout(
      () => {
        response.writeHead(refused ? 503 : 200).end(refused ? "The price list is being rebuilt." : "12.50");
      },
      model ? supplier.modelMs() : supplier.priceMs(),
    );
    request.on("close", () => {
      if (response.destroyed) clearTimeout(timer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const supplier: Supplier = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    priceMs: () => 15 + 10 * Math.random(),
    refuses: () => false,
    modelMs: () => 0,
  };
  return supplier;
};
