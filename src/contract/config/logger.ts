/** Where log records go. */

/** Receives Firelight's log records. `console` implements it; pino and winston need a small adapter. */
export interface Logger {
  /**
   * Receives a record of level `debug`.
   *
   * @param message the log message
   * @param meta structured fields of the record
   */
  debug?(message: string, meta?: Record<string, unknown>): void;
  /**
   * Receives a record of level `info`.
   *
   * @param message the log message
   * @param meta structured fields of the record
   */
  info(message: string, meta?: Record<string, unknown>): void;
  /**
   * Receives a record of level `warn`.
   *
   * @param message the log message
   * @param meta structured fields of the record
   */
  warn(message: string, meta?: Record<string, unknown>): void;
  /**
   * Receives a record of level `error`.
   *
   * @param message the log message
   * @param meta structured fields of the record
   */
  error(message: string, meta?: Record<string, unknown>): void;
}
