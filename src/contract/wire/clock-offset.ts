/** How far two clocks are apart, from one exchange between their owners. */

/** Four timestamps of one exchange, in milliseconds since 1970: two by either clock. */
export interface ClockExchange {
  /** By the asker's clock. */
  readonly sentMs: number;
  /** By the clock of the one who answers. */
  readonly receivedMs: number;
  /** By the clock of the one who answers. */
  readonly repliedMs: number;
  /** By the asker's clock. */
  readonly answeredMs: number;
}

/**
 * The clock of the one who answers less the asker's, in milliseconds. Exact when the way there took as long as the way back; wrong
 * by half of the difference otherwise.
 */
export const clockOffset = ({ sentMs, receivedMs, repliedMs, answeredMs }: ClockExchange): number =>
  (receivedMs - sentMs + (repliedMs - answeredMs)) / 2;
