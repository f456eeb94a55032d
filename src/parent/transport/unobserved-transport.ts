/** A transport whose requests and connections leave no trace with agents: a hop is one span, and that one is Firelight's. */
import { inNoContext } from "../../telemetry/no-context.ts";
import { unobserved } from "../../telemetry/unobserved.ts";
import type { HttpExchange, HttpOutcome, HttpTransport } from "./transport.ts";

class UnobservedExchange implements HttpExchange {
  readonly #exchange: HttpExchange;

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
  }

  get sent(): boolean {
    return this.#exchange.sent;
  }

  abort(): void {
    unobserved(abort, this.#exchange);
  }
}

const abort = (exchange: HttpExchange): void => exchange.abort();

/** Hides a transport from agents. `done` is called where they see again. */
export const unobservedTransport = (transport: HttpTransport): HttpTransport => ({
  send: (request, done) =>
    new UnobservedExchange(unobserved(transport.send, request, (outcome: HttpOutcome) => inNoContext(done, outcome))),
  forget: (url) => unobserved(transport.forget, url),
  close: () => unobserved(transport.close),
});
