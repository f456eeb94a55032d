/** Runs a subcommand of `firelight` by its name, and prints the errors that the user can fix. */
import { readFileSync } from "node:fs";
import { type Command, type CommandContext, type ExitCode, exitCodes } from "./command.ts";
import { CliError, UsageError } from "./errors.ts";

interface Entry {
  readonly summary: string;
  load(): Promise<Command>;
}

/** All commands. Each is loaded on demand with its dependencies. */
const commands: Readonly<Record<string, Entry>> = {
  explain: {
    summary: "Shows what happened in one call, from its trace.",
    load: async () => (await import("./explain/explain.ts")).explain,
  },
  doctor: {
    summary: "Checks a configuration, its runners and telemetry, and shows how to fix failures.",
    load: async () => (await import("./doctor/doctor.ts")).doctor,
  },
  dashboards: {
    summary: "Writes dashboards and alert rules for your names, objective and thresholds.",
    load: async () => (await import("./dashboards.ts")).dashboards,
  },
};

const overview = (): string => {
  const width = Math.max(...Object.keys(commands).map(({ length }) => length));
  const rows = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    "firelight <command> [options]",
    "",
    ...rows,
    "",
    "Run firelight <command> --help for details, firelight --version for the version.",
    "",
    "Exit codes: 0 success, 1 problem found, 2 invalid command line.",
  ].join("\n");
};

const version = (): string => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  return manifest.version;
};

const run = async ([name, ...args]: ReadonlyArray<string>, context: CommandContext): Promise<ExitCode> => {
  const { terminal } = context;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    terminal.line(overview());
    return name === undefined ? exitCodes.usage : exitCodes.ok;
  }
  if (name === "--version" || name === "-v") {
    terminal.line(version());
    return exitCodes.ok;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    throw new UsageError(`"${name}" is not a command. Use ${Object.keys(commands).join(", ")}. See firelight --help.`);
  }
  const command = await entry.load();
  if (args.includes("--help") || args.includes("-h")) {
    terminal.line(command.help);
    return exitCodes.ok;
  }
  return command.run(args, context);
};

/** Runs the command that the arguments name. Prints errors; never rejects. */
export const runCommand = async (args: ReadonlyArray<string>, context: CommandContext): Promise<ExitCode> => {
  try {
    return await run(args, context);
  } catch (error) {
    const { aside } = context.terminal;
    if (error instanceof CliError) {
      aside(`firelight: ${error.message}`);
      return error.exitCode;
    }
    aside(`firelight failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return exitCodes.failure;
  }
};
