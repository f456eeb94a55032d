/** STUB: the codec's room; see the helper's brief. */
export interface Codec {
  /** Encodes a value as UTF-8 JSON. `what` names it in errors, such as `arguments of billing/charge`. */
  encode(value: unknown, what: string): Uint8Array;
  /** Decodes bytes that came over the wire. */
  decode(bytes: Uint8Array, what: string): unknown;
}
