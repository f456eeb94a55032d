/** The body of a response while it comes in, within its limit. */
import type { BodyCheck, HttpOutcome, HttpRequest, ResponseStart } from "./transport.ts";

/** The failure of a response that is larger than allowed. */
export class ResponseTooLarge extends Error {
  /** The size of the body; `undefined` when it was not read to its end. */
  readonly bytes: number | undefined;

  constructor(limit: number, bytes?: number) {
    super(`The response has ${bytes ?? `more than ${limit}`} bytes, and ${limit} are allowed.`);
    this.name = "ResponseTooLarge";
    this.bytes = bytes;
  }
}

/** The largest body that is read to its end only to be checked. */
const maxCheckedBytes = 256 * 1024 * 1024;

/** An answer up to this size is read whatever `maxBodyBytes` is: errors have bounds of their own. */
const minResponseBytes = 1024 * 1024;

/** Most bytes of an answer that are kept where results may have so many. */
export const responseLimit = (maxBodyBytes: number): number => Math.max(minResponseBytes, maxBodyBytes);

export class ResponseBody {
  readonly #limit: number;
  readonly #response: ResponseStart;
  readonly #chunks: Array<Uint8Array> = [];
  readonly #check: BodyCheck | undefined;
  #bytes = 0;
  /** Whether it is too large, and reading on is of no use. */
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

  /** What came of it, at the end of the body or once it is refused. */
  outcome(): HttpOutcome {
    if (this.refused || this.#check !== undefined) {
      const cause = new ResponseTooLarge(this.#limit, this.refused ? undefined : this.#bytes);
      return { failure: { sent: true, cause } };
    }
    const response = this.#response;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#bytes);
    return { response: { status: response.status, header: (name) => response.header(name), body } };
  }
}
