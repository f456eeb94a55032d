/** A backend whose runners are servers in this process, and which tests can break on purpose. */
import type { Backend, RunnerExit, RunnerHandle, SpawnRequest } from "../../src/contract/config/backend.ts";
import type { Registry } from "../../src/contract/api/registry.ts";
import { createFlame } from "../../src/flame.ts";
import type { RunnerServer } from "../../src/index.ts";

export interface InProcessBackend extends Backend {
  spawn(request: SpawnRequest): Promise<RunnerHandle>;
  terminate(runner: RunnerHandle): Promise<void>;
  healthCheck(runner: RunnerHandle): Promise<boolean>;
  /** The ids of its running runners. */
  running(): ReadonlyArray<string>;
  /** Stops all remaining runners. */
  dispose(): Promise<void>;
}

const runnerServer = ({ env }: SpawnRequest, registry: Registry | undefined): RunnerServer =>
  createFlame(
    { telemetry: { metrics: false }, logger: { info: () => {}, warn: () => {}, error: () => {} } },
    registry === undefined ? {} : { registry },
  ).createRunnerServer({
    port: 0,
    hostname: "127.0.0.1",
    runnerId: env["FLAME_RUNNER_ID"],
    security: { secret: env["FLAME_SECRET"], keyId: env["FLAME_KEY_ID"] },
    handleSignals: false,
  });

/** @param registry The methods of its runners. Default: none. */
export const inProcessBackend = (registry?: Registry): InProcessBackend => {
  const servers = new Map<string, { readonly server: RunnerServer; readonly over: (exit: RunnerExit) => void }>();

  const end = async (id: string): Promise<void> => {
    const entry = servers.get(id);
    servers.delete(id);
    await entry?.server.stop({ drainTimeoutMs: 0 });
    entry?.over({ reason: "was stopped" });
  };

  return {
    name: "in-process",
    spawn: async (request) => {
      request.signal.throwIfAborted();
      const server = runnerServer(request, registry);
      const exited = new Promise<RunnerExit>((over) => servers.set(request.runnerId, { server, over }));
      await server.ready;
      if (request.signal.aborted) {
        await end(request.runnerId);
        throw request.signal.reason;
      }
      return { id: request.runnerId, url: server.url, exited, bootPhases: { listen: 0 } };
    },
    terminate: ({ id }) => end(id),
    healthCheck: async ({ id }) => servers.has(id),
    running: () => [...servers.keys()],
    dispose: async () => void (await Promise.all([...servers.keys()].map(end))),
  };
};
