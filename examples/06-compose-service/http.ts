/** Little HTTP servers: a handler per method and path, JSON in, JSON or text out. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}

/** Handlers by method and path, such as `GET /metrics`. */
export type Routes = Readonly<Record<string, (request: IncomingMessage) => Promise<Answer> | Answer>>;

export interface Listening extends AsyncDisposable {
  readonly url: string;
}

export const json = (value: unknown, status = 200): Answer => ({
  status,
  type: "application/json",
  body: `${JSON.stringify(value)}\n`,
});

/** The JSON of a request; `{}` when it has none. */
export const readJson = async (request: IncomingMessage): Promise<unknown> => JSON.parse((await text(request)) || "{}");

/** Listens; a handler that throws is answered with 400 and what it said. */
export const listen = async (routes: Routes, port: number, hostname: string): Promise<Listening> => {
  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").split("?")[0];
    const handler = routes[`${request.method} ${path}`];
    const answer =
      handler === undefined
        ? json({ error: `There is ${Object.keys(routes).join(", ")}.` }, 404)
        : await Promise.resolve()
            .then(() => handler(request))
            .catch((error: unknown) => json({ error: (error as Error).message }, 400));
    response.writeHead(answer.status ?? 200, { "content-type": answer.type ?? "text/plain" }).end(answer.body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${hostname === "0.0.0.0" ? "localhost" : hostname}:${taken}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
