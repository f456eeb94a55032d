/** HTTP on Node: undici's dispatch API, one connection pool per runner. */
import { type Dispatcher, Pool } from "undici";
import type { ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import { unobserved } from "../../telemetry/unobserved.ts";
import { Connector } from "./connector.ts";
import { ResponseBody } from "./response-body.ts";
import type { HttpExchange, HttpOutcome, HttpRequest, HttpTransport, ResponseStart } from "./transport.ts";

/** The connections to one runner. */
interface Route {
  readonly pool: Pool;
  readonly connector: Connector;
}

const abort = (controller: Dispatcher.DispatchController): void => controller.abort(new Error("aborted"));

/** A request in progress, and the head of its response. */
class UndiciExchange implements HttpExchange, ResponseStart, Dispatcher.DispatchHandler {
  readonly #request: HttpRequest;
  readonly #connector: Connector;
  readonly #done: (outcome: HttpOutcome) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #body: ResponseBody | undefined;
  #headers: Readonly<Record<string, string | Array<string> | undefined>> = {};
  #over = false;
  status = 0;
  /** Set when undici writes the request to an open connection. */
  sent = false;

  constructor(request: HttpRequest, connector: Connector, done: (outcome: HttpOutcome) => void) {
    this.#request = request;
    this.#connector = connector;
    this.#done = done;
  }

  readonly header = (name: string): string | undefined => {
    const value = this.#headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  };

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#controller !== undefined) unobserved(abort, this.#controller);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error("aborted"));
    else this.sent = true;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | Array<string> | undefined>,
  ): void {
    this.#connector.answered();
    this.status = status;
    this.#headers = headers;
    this.#body = new ResponseBody(this.#request, this);
    if (this.#body.refused) this.#refuse(controller);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body!.add(chunk);
    if (this.#body!.refused) this.#refuse(controller);
  }

  onResponseEnd(): void {
    this.#end(this.#body!.outcome());
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    if (this.sent && this.#body === undefined) this.#connector.unanswered();
    this.#end({ failure: { sent: this.sent, cause } });
  }

  #refuse(controller: Dispatcher.DispatchController): void {
    this.#end(this.#body!.outcome());
    controller.abort(new Error("aborted"));
  }

  #end(outcome: HttpOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(outcome);
  }
}

const end = async ({ pool, connector }: Route): Promise<void> => {
  const destroyed = pool.destroy();
  connector.close();
  await destroyed.catch(() => {});
};

/** Makes a transport on undici. Connections open when they are first needed. */
export const makeUndiciTransport = (connection: ResolvedConnection): HttpTransport => {
  const routes = new Map<string, Route>();
  const open = (url: string): Route => {
    const connector = new Connector(url, connection);
    const pool = new Pool(connector.origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      connections: null,
      allowH2: false,
      connect: (_, connected) =>
        void connector.open((...opened) => connected(...(opened as Parameters<typeof connected>))),
    });
    const route = { pool, connector };
    routes.set(url, route);
    return route;
  };
  return {
    send: (request, done) => {
      const { pool, connector } = routes.get(request.url) ?? open(request.url);
      const { method = "POST", headers, body } = request;
      const exchange = new UndiciExchange(request, connector, done);
      const path = connector.prefix === "" ? request.path : connector.prefix + request.path;
      pool.dispatch({ path, method, headers, body: method === "GET" ? null : body }, exchange);
      return exchange;
    },
    forget: (url) => {
      const route = routes.get(url);
      routes.delete(url);
      if (route !== undefined) void end(route);
    },
    close: async () => {
      const all = [...routes.values()];
      routes.clear();
      await Promise.all(all.map(end));
    },
  };
};
