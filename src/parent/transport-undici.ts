/** HTTP on Node: undici's dispatch API, one connection pool per runner. */
import type { Dispatcher } from "undici";
import { Pool } from "undici";
import type { HttpExchange, HttpOutcome, HttpRequest, HttpTransport } from "./transport.ts";
import { joinChunks, ResponseTooLarge } from "./transport.ts";

class Exchange implements HttpExchange, Dispatcher.DispatchHandler {
  readonly #done: (outcome: HttpOutcome) => void;
  readonly #limit: number;
  readonly #chunks: Array<Uint8Array> = [];
  #controller: Dispatcher.DispatchController | undefined;
  #bytes = 0;
  #status = 0;
  #headers: Readonly<Record<string, string | Array<string> | undefined>> = {};
  #over = false;
  sent = false;

  constructor(limit: number, done: (outcome: HttpOutcome) => void) {
    this.#limit = limit;
    this.#done = done;
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.abort(new Error("aborted"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error("aborted"));
    else this.sent = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | Array<string> | undefined>,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > this.#limit) controller.abort(new ResponseTooLarge(this.#limit));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const headers = this.#headers;
    this.#end({
      response: {
        status: this.#status,
        header: (name) => {
          const value = headers[name];
          return Array.isArray(value) ? value.join(", ") : value;
        },
        body: joinChunks(this.#chunks, this.#bytes),
      },
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#end({ failure: { sent: this.sent, cause } });
  }

  #end(outcome: HttpOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(outcome);
  }
}

/** Makes a transport on undici. Connections open when they are first needed. */
export const makeUndiciTransport = (): HttpTransport => {
  const pools = new Map<string, Pool>();
  const poolOf = (url: string): Pool => {
    let pool = pools.get(url);
    if (pool === undefined) {
      pool = new Pool(url, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connections: null });
      pools.set(url, pool);
    }
    return pool;
  };
  return {
    send: (request: HttpRequest, done) => {
      const exchange = new Exchange(request.maxResponseBytes, done);
      poolOf(request.url).dispatch(
        { path: request.path, method: "POST", headers: request.headers, body: request.body },
        exchange,
      );
      return exchange;
    },
    forget: (url) => {
      const pool = pools.get(url);
      pools.delete(url);
      void pool?.destroy().catch(() => {});
    },
    close: async () => {
      const all = [...pools.values()];
      pools.clear();
      await Promise.allSettled(all.map((pool) => pool.destroy()));
    },
  };
};
