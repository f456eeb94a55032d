/** A runner that no backend started, at a fixed address. */
import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A process that can be started again with another secret. */
export interface StaticRunnerProcess {
  readonly id: string;
  readonly url: string;
  /** Ends the process and starts another one at the same address. */
  restart(secret: string): Promise<void>;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

const isReady = async (url: string): Promise<boolean> =>
  fetch(`${url}/ready`).then(
    ({ ok }) => ok,
    () => false,
  );

/** Starts a static runner and waits until it is ready. It ends with this process. */
export const startStaticRunner = async (id: string, secret: string): Promise<StaticRunnerProcess> => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess;
  const start = async (key: string): Promise<void> => {
    child = spawn(process.execPath, [...process.execArgv, new URL("../runner.ts", import.meta.url).pathname], {
      env: {
        ...process.env,
        FLAME_MODE: "runner",
        FLAME_HOST: "127.0.0.1",
        FLAME_PORT: String(port),
        FLAME_RUNNER_ID: id,
        FLAME_POOL: id,
        OTEL_SERVICE_NAME: id,
        FLAME_SECRET: key,
      },
      stdio: "ignore",
    });
    while (!(await isReady(url))) {
      if (child.exitCode !== null) throw new Error(`The runner ${id} ended with ${child.exitCode}.`);
      await sleep(50);
    }
  };
  process.on("exit", () => child.kill("SIGKILL"));
  await start(secret);
  return {
    id,
    url,
    restart: async (key) => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      await start(key);
    },
  };
};
