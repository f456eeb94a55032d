/** Joins the parts of a body: the one in its CALL or ANSWER, and those in CHUNKs. */

const nothing = Buffer.alloc(0);

export class BodyParts {
  readonly bytes: number;
  #body: Buffer | undefined;
  #received = 0;
  readonly #kept: boolean;

  /** @param kept whether the parts are kept, or only counted */
  constructor(bytes: number, kept = true) {
    this.bytes = bytes;
    this.#kept = kept;
  }

  /** Whether all parts have arrived. */
  get complete(): boolean {
    return this.#received === this.bytes;
  }

  /** The body, once it is complete. */
  get body(): Buffer {
    return this.#body ?? nothing;
  }

  /** Adds a part. Returns `false` if it does not fit. */
  add(part: Buffer): boolean {
    const at = this.#received;
    this.#received += part.length;
    if (this.#received > this.bytes) return false;
    if (!this.#kept || part.length === 0) return true;
    if (part.length === this.bytes) this.#body = part;
    else {
      this.#body ??= Buffer.allocUnsafe(this.bytes);
      this.#body.set(part, at);
    }
    return true;
  }
}
