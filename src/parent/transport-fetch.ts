/** HTTP on Bun: its own `fetch`, which is faster there than any library. */
import type { HttpExchange, HttpOutcome, HttpRequest, HttpTransport } from "./transport.ts";
import { joinChunks, ResponseTooLarge } from "./transport.ts";

/** Failures that Bun gives before it has sent anything. */
const unsentCodes: ReadonlySet<unknown> = new Set([
  "ConnectionRefused",
  "ECONNREFUSED",
  "FailedToOpenSocket",
  "ENOTFOUND",
]);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

const readBounded = async (response: Response, limit: number): Promise<Uint8Array> => {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  if (length > limit) throw new ResponseTooLarge(limit);
  if (length <= limit) return new Uint8Array(await response.arrayBuffer());
  const chunks: Array<Uint8Array> = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > limit) throw new ResponseTooLarge(limit);
    chunks.push(chunk);
  }
  return joinChunks(chunks, bytes);
};

const exchange = async (request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome> => {
  try {
    const response = await fetch(request.url + request.path, {
      method: "POST",
      headers: request.headers,
      body: request.body as Uint8Array<ArrayBuffer>,
      redirect: "manual",
      signal,
    });
    const body = await readBounded(response, request.maxResponseBytes);
    return { response: { status: response.status, header: (name) => response.headers.get(name) ?? undefined, body } };
  } catch (cause) {
    return { failure: { sent: !unsentCodes.has(codeOf(cause)), cause } };
  }
};

/** Makes a transport on the runtime's own `fetch`, which pools connections by itself. */
export const makeFetchTransport = (): HttpTransport => ({
  send: (request, done): HttpExchange => {
    const controller = new AbortController();
    void exchange(request, controller.signal).then((outcome) => {
      if (!controller.signal.aborted) done(outcome);
    });
    return { sent: true, abort: () => controller.abort() };
  },
  forget: () => {},
  close: () => Promise.resolve(),
});
