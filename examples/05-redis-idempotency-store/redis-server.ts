/** Starts a Redis server for the example and the tests: on a free port of the loopback interface, with its own folder, without persistence. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The first of `REDIS_SERVER`, `redis-server` and `valkey-server` that runs; `undefined` if none is installed. */
export const findRedis = (): string | undefined =>
  [process.env["REDIS_SERVER"], "redis-server", "valkey-server"]
    .filter((program) => program !== undefined && program !== "")
    .find((program) => spawnSync(program!, ["--version"]).status === 0);

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** For `createClient({ url })`. */
  readonly url: string;
  /** Ends the process and removes its folder. */
  stop(): Promise<void>;
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

/** Another process can take the free port before Redis does. */
const maxAttempts = 3;

/**
 * Starts a server and waits until it accepts connections.
 *
 * @throws {Error} with the output of the server if it exits before it is ready.
 */
export const startRedis = async (program: string, attempt = 1): Promise<RedisServer> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-redis-"));
  const port = await freePort();
  const settings = { port: String(port), bind: "127.0.0.1", save: "", appendonly: "no", dir: folder };
  const server = spawn(
    program,
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = once(server, "exit");
  let output = "";
  const ready = await new Promise<boolean>((resolve) => {
    createInterface(server.stdout).on("line", (line) => {
      output += `${line}\n`;
      if (/ready to accept connections/i.test(line)) resolve(true);
    });
    void exited.then(() => resolve(false));
  });
  const stop = async (): Promise<void> => {
    server.kill();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  if (ready) return { port, url: `redis://127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: stop };
  await stop();
  if (attempt < maxAttempts && /Address already in use/i.test(output)) return startRedis(program, attempt + 1);
  throw new Error(`${program} exited before it was ready:\n${output}`);
};
