/** What a command of `firelight` is, and how it ends. */
import type { Terminal } from "./terminal.ts";

/** The exit codes of every command. */
export const exitCodes = {
  /** It did what it was asked, and found nothing wrong. */
  fine: 0,
  /** It found trouble: a check failed, or what it was to read could not be had. */
  trouble: 1,
  /** It was called in a way that it does not understand. */
  usage: 2,
} as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What a command gets from the process that it runs in. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A command of `firelight`. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string;
  /**
   * Runs it.
   *
   * @param args what stands behind the command's name
   * @throws {CliError} for everything that a person can do something about
   */
  run(args: ReadonlyArray<string>, context: CommandContext): Promise<ExitCode>;
}
