/** A server process in its own folder. Disposal sends SIGTERM, then SIGKILL. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "../../harness/start-process.ts";

export interface RunningServer extends AsyncDisposable {
  /** Base URL without a trailing slash. */
  readonly url: string;
  readonly pid: number;
  /** Folder of its configuration and its data, removed on disposal. */
  readonly folder: string;
  /** Its output so far. */
  output(): string;
  kill(signal?: NodeJS.Signals): void;
}

export interface ServerStart {
  readonly program: string;
  /** Creates the arguments. `folder` exists and is empty. */
  readonly args: (folder: string) => ReadonlyArray<string>;
  /** Matches the line with its address. The first group is `host:port`. */
  readonly listening: RegExp;
}

const endAfterMs = 10_000;

/** Starts a server on a free port, and waits until it listens. */
export const startServer = async ({ program, args, listening }: ServerStart): Promise<RunningServer> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-stack-"));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const server = await startProcess({ command: [program, ...args(folder)] });
    const [, address] = await server.waitForOutput(listening, 20_000);
    return {
      url: `http://${address!}`,
      pid: server.pid,
      folder,
      output: server.output,
      kill: server.kill,
      [Symbol.asyncDispose]: async () => {
        server.kill("SIGTERM");
        const timer = setTimeout(() => server.kill("SIGKILL"), endAfterMs);
        await server.exited;
        clearTimeout(timer);
        removeFolder();
      },
    };
  } catch (error) {
    removeFolder();
    throw error;
  }
};
