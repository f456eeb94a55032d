/** A single request as a promise. */
import { isInstance, messageOf } from "../../contract/thrown.ts";
import type { HttpRequest, HttpResponse, HttpTransport } from "./transport.ts";

const noBody = new Uint8Array(0);

/** A request, by default a `GET` without headers and body. */
export type Question = Pick<HttpRequest, "url" | "path" | "maxResponseBytes"> & Partial<HttpRequest>;

/**
 * Sends a request, and waits up to `timeoutMs` milliseconds for the response. Rejects with the failure of the
 * connection.
 */
export const ask = (transport: HttpTransport, question: Question, timeoutMs: number): Promise<HttpResponse> =>
  new Promise((resolve, reject) => {
    const exchange = transport.send({ method: "GET", headers: {}, body: noBody, ...question }, (outcome) => {
      clearTimeout(timer);
      if ("response" in outcome) resolve(outcome.response);
      else {
        const { cause } = outcome.failure;
        reject(isInstance(cause, Error) ? cause : new Error(messageOf(cause)));
      }
    });
    const timer = setTimeout(() => {
      exchange.abort();
      reject(Object.assign(new Error(`no response within ${timeoutMs} ms`), { name: "TimeoutError" }));
    }, timeoutMs);
  });
