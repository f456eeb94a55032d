/** Why a command of `firelight` gave up, in words for the person who typed it. */
import { type ExitCode, exitCodes } from "./command.ts";

/** Something that a person can do something about; printed without a stack. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  /** @param message what happened, and what to do now */
  constructor(message: string, exitCode: ExitCode = exitCodes.trouble) {
    super(message);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

/** A command line that is not understood. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, exitCodes.usage);
  }
}

/** Data that is not what it should be, and where. */
export class InputError extends CliError {
  /** The file or address. */
  readonly source: string;
  /** From 1, where the input has lines. */
  readonly line: number | undefined;

  constructor(source: string, line: number | undefined, problem: string) {
    super(`${source}${line === undefined ? "" : `:${line}`}: ${problem}`);
    this.source = source;
    this.line = line;
  }
}
