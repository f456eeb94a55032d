/** Errors of `firelight` commands, worded for the person at the terminal. */
import { type ExitCode, exitCodes } from "./command.ts";

/** An error that the user can fix; printed without a stack. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  /** @param message what failed and what to do */
  constructor(message: string, exitCode: ExitCode = exitCodes.failure) {
    super(message);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

/** An invalid command line. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, exitCodes.usage);
  }
}

/** Invalid input data, with its source. */
export class InputError extends CliError {
  /** The file or address. */
  readonly source: string;
  /** The line number, starting at 1, if the input has lines. */
  readonly line: number | undefined;

  constructor(source: string, line: number | undefined, problem: string) {
    super(`${source}${line === undefined ? "" : `:${line}`}: ${problem}`);
    this.source = source;
    this.line = line;
  }
}
