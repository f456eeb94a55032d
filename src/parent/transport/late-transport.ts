/**
 * A transport that is loaded with its first request, so that a process which makes no calls over the wire does not load
 * an HTTP client. Requests that come while it is being loaded wait for it.
 */
import type { HttpExchange, HttpOutcome, HttpRequest, HttpTransport } from "./transport.ts";

/** A request that waits for the transport, then belongs to it. */
class WaitingExchange implements HttpExchange {
  #inner: HttpExchange | undefined;
  #aborted = false;

  constructor(loading: Promise<HttpTransport>, request: HttpRequest, done: (outcome: HttpOutcome) => void) {
    loading.then(
      (transport) => {
        if (!this.#aborted) this.#inner = transport.send(request, done);
      },
      (cause: unknown) => {
        if (!this.#aborted) done({ failure: { sent: false, cause } });
      },
    );
  }

  get sent(): boolean {
    return this.#inner?.sent ?? false;
  }

  abort(): void {
    this.#aborted = true;
    this.#inner?.abort();
  }
}

/**
 * Makes it. What `load` throws fails the request, before a byte was sent; the next one asks again.
 */
export const lateTransport = (load: () => Promise<HttpTransport>): HttpTransport => {
  let loading: Promise<HttpTransport> | undefined;
  let loaded: HttpTransport | undefined;

  const start = (): Promise<HttpTransport> => {
    const started = load();
    started.then(
      (transport) => (loaded = transport),
      () => (loading = undefined),
    );
    return started;
  };

  return {
    send: (request, done) =>
      loaded === undefined ? new WaitingExchange((loading ??= start()), request, done) : loaded.send(request, done),
    forget: (url) => loaded?.forget(url),
    close: async () => {
      await (await loading?.catch(() => undefined))?.close();
    },
  };
};
