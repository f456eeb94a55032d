/** A server in a folder of its own, ended in order and by its id. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcess } from "../../harness/start-process.ts";

export interface RunningServer extends AsyncDisposable {
  /** Base URL, without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  /** Where its configuration and its data lie; removed with it. */
  readonly folder: string;
  /** What it printed. */
  output(): string;
  kill(signal?: NodeJS.Signals): void;
}

export interface ServerStart {
  readonly program: string;
  /** Makes the arguments; `folder` is empty and there. */
  readonly args: (folder: string) => ReadonlyArray<string>;
  /** Its first group is `host:port` in the line that tells where it listens. */
  readonly listening: RegExp;
}

const endAfterMs = 10_000;

/** Starts a server on a port that the system chose, and waits until it listens. */
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
