/** The body of a response while it arrives, within its limit. */
import type { BodyCheck, HttpOutcome, HttpRequest, ResponseStart } from "./transport.ts";

/** The failure of a response that is larger than allowed. */
export class ResponseTooLarge extends Error {
  /** The size of the body; `undefined` when it was not read to its end. */
  readonly bytes: number | undefined;

  constructor(limit: number, bytes?: number) {
    super(`The response has ${bytes ?? `more than ${limit}`} bytes; the limit is ${limit}.`);
    this.name = "ResponseTooLarge";
    this.bytes = bytes;
  }
}

/** Maximum size of a body that is read only to check its signature, in bytes. */
const maxCheckedBytes = 256 * 1024 * 1024;

/** A response up to this size is read whatever `maxBodyBytes` is, because errors have limits of their own. */
const minResponseBytes = 1024 * 1024;

/** Maximum size of a response that is kept, for results of up to `maxBodyBytes`. */
export const responseLimit = (maxBodyBytes: number): number => Math.max(minResponseBytes, maxBodyBytes);

export class ResponseBody {
  readonly #limit: number;
  readonly #response: ResponseStart;
  readonly #chunks: Array<Uint8Array> = [];
  readonly #check: BodyCheck | undefined;
  #bytes = 0;
  /** Whether it is too large, so that reading more is useless. */
  refused = false;

  constructor({ maxResponseBytes, oversized }: HttpRequest, response: ResponseStart) {
    this.#limit = maxResponseBytes;
    this.#response = response;
    const length = Number(response.header("content-length") ?? Number.NaN);
    if (!(length > maxResponseBytes)) return;
    this.#check = length <= maxCheckedBytes ? oversized?.startCheck(response, length) : undefined;
    this.refused = this.#check === undefined;
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    if (this.#check !== undefined) this.#check.update(chunk);
    else if (this.#bytes > this.#limit) this.refused = true;
    else this.#chunks.push(chunk);
  }

  /** The outcome, at the end of the body or when it is rejected. */
  outcome(): HttpOutcome {
    if (this.refused || this.#check !== undefined) {
      const cause = new ResponseTooLarge(this.#limit, this.refused ? undefined : this.#bytes);
      return { failure: { sent: true, cause } };
    }
    const response = this.#response;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#bytes);
    return { response: { status: response.status, header: response.header, body } };
  }
}
