/**
 * A transport that is loaded with its first request, so that a process without remote calls does not load an HTTP
 * client. Requests that arrive during loading wait for it.
 */
import type { HttpExchange, HttpOutcome, HttpRequest, HttpTransport } from "./transport.ts";

/** A request that waits for the transport to load. */
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
 * Makes the transport. If `load` fails, the request fails without being sent, and the next request loads again.
 */
export const lateTransport = (load: () => Promise<HttpTransport>): HttpTransport => {
  let loading: Promise<HttpTransport> | undefined;
  let loaded: HttpTransport | undefined;

  const start = (): Promise<HttpTransport> => {
    const started = load();
    started.then(
      (made) => {
        loaded = made;
        transport.send = made.send;
      },
      () => (loading = undefined),
    );
    return started;
  };

  const transport: { -readonly [Key in keyof HttpTransport]: HttpTransport[Key] } = {
    send: (request, done) => new WaitingExchange((loading ??= start()), request, done),
    forget: (url) => loaded?.forget(url),
    close: async () => {
      await (await loading?.catch(() => undefined))?.close();
    },
  };
  return transport;
};
