/** The interface of a `firelight` command and its exit codes. */
import type { Terminal } from "./terminal.ts";

/** The exit codes of every command. */
export const exitCodes = {
  /** The command succeeded and found no problems. */
  ok: 0,
  /** The command found a problem: a check failed, or its input could not be read. */
  failure: 1,
  /** The command line is invalid. */
  usage: 2,
} as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a command receives from its process. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory. */
  readonly folder: string;
}

/** A command of `firelight`. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string;
  /**
   * Runs the command.
   *
   * @param args the arguments after the command's name
   * @throws {CliError} for every error that the user can fix
   */
  run(args: ReadonlyArray<string>, context: CommandContext): Promise<ExitCode>;
}
