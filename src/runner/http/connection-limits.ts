/**
 * Limits of connections, the same on Node and Bun as far as the two can hold them.
 * Durations in milliseconds. They bound how long a request may take to come in, never
 * how long a handler may run: that is what deadlines are for.
 */
export const connectionLimits = {
  /** From the first byte of a request, or the start of a connection without one, to the last of its headers. Node checks it every second; Bun has a fixed limit of its own, 12 s at most. */
  headersTimeoutMs: 8_000,
  /** From the first byte of a request to the last of its body. */
  requestTimeoutMs: 120_000,
  /** An idle connection is kept this long: longer than common load balancers keep theirs, so that they close first. */
  keepAliveTimeoutMs: 65_000,
  /** All headers of a request together, on Node; Bun has a fixed limit of its own. */
  maxHeaderBytes: 16 * 1024,
} as const;
