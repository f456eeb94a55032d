#!/usr/bin/env node
/** The `firelight` command: runs the requested subcommand in this process and exits with its exit code. */
import "./runtime-check.ts";
import { exitCodes } from "./command.ts";
import { runCommand } from "./run-command.ts";
import { makeTerminal } from "./terminal.ts";

/** The reader of the output may close the pipe early, as `head` does. */
process.stdout.on("error", () => process.exit(exitCodes.ok));

const { env } = process;
const terminal = makeTerminal({ out: process.stdout, err: process.stderr }, env);
const code = await runCommand(process.argv.slice(2), { terminal, env, folder: process.cwd() });
process.stdout.write("", () => process.exit(code));
