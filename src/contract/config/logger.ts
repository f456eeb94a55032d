/** Where log records go. */

/** Receives Firelight's log records. `console` fits; so do pino and winston behind a three-line adapter. */
export interface Logger {
  debug?(message: string, meta?: Record<string, unknown>): void;
  info(message: string, meta?: Record<string, unknown>): void;
  warn(message: string, meta?: Record<string, unknown>): void;
  error(message: string, meta?: Record<string, unknown>): void;
}
