/** Starts a Redis of its own for the example and its test: on a socket in a folder of its own, and nothing on disk. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The first of `REDIS_SERVER`, `redis-server` and `valkey-server` that runs; `undefined` when none is installed. */
export const findRedis = (): string | undefined =>
  [process.env["REDIS_SERVER"], "redis-server", "valkey-server"]
    .filter((program) => program !== undefined && program !== "")
    .find((program) => spawnSync(program!, ["--version"]).status === 0);

export interface RedisServer {
  /** Its unix socket. */
  readonly path: string;
  stop(): Promise<void>;
}

export const startRedis = async (program: string): Promise<RedisServer> => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-redis-"));
  const path = join(folder, "socket");
  const options = { port: "0", unixsocket: path, save: "", appendonly: "no", dir: folder };
  const server = spawn(
    program,
    Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = once(server, "exit");
  const ready = new Promise<void>((resolve, reject) => {
    createInterface(server.stdout).on("line", (line) => {
      if (/ready to accept connections/i.test(line)) resolve();
    });
    void exited.then(() => reject(new Error(`${program} ended before it was ready.`)));
  });
  const stop = async (): Promise<void> => {
    server.kill();
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { path, stop };
};
