/**
 * Limits of connections, the same on Node and Bun as far as both support them. Durations are in milliseconds. They
 * limit how long a request takes to arrive, and never how long a handler runs: deadlines do that.
 */
export const connectionLimits = {
  /**
   * From the start of a connection or the first byte of a request to its last header. Node checks it every second; Bun
   * has a fixed limit of at most 12 s.
   */
  headersTimeoutMs: 8_000,
  /** From the first byte of a request to the last byte of its body. */
  requestTimeoutMs: 120_000,
  /** How long an idle connection is kept: longer than common load balancers do, so that they close it first. */
  keepAliveTimeoutMs: 65_000,
  /** Total size of the headers of a request in bytes, on Node. Bun has a fixed limit. */
  maxHeaderBytes: 16 * 1024,
} as const;
