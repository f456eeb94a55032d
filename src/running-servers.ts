/** The runner servers of an instance that have not stopped, and what they hold fixed of its configuration. */
import { ConfigError } from "./contract/errors.ts";
import type { Environment, ResolvedConfig } from "./contract/config/resolve-config.ts";
import { replacedStop, type StopOptions } from "./runner/lifecycle/shutdown.ts";
import { fixedByServing, type RunnerServerOptions } from "./runner/options.ts";
import type { RunnerServer } from "./runner/server.ts";

/** What a server was made from. */
interface Origin {
  readonly options: RunnerServerOptions;
  readonly config: ResolvedConfig;
}

export class RunningServers {
  /** `undefined` of a server that could not listen. */
  readonly #origins = new Map<RunnerServer, Origin | undefined>();

  /** Adds a server until it has stopped. */
  add(made: RunnerServer, origin: Origin): RunnerServer {
    const { stop } = made;
    const server: RunnerServer = {
      ...made,
      ready: made.ready.catch((error: unknown) => {
        this.#origins.set(server, undefined);
        throw error;
      }),
      stop: async (options?: StopOptions) => {
        await stop(options);
        this.#origins.delete(server);
      },
    };
    this.#origins.set(server, origin);
    return server;
  }

  /**
   * A server keeps what it has read. A change that would not reach it must not look as if it had.
   *
   * @throws {ConfigError} naming what cannot change, and what to do.
   */
  refuseChange(next: ResolvedConfig, env: Environment): void {
    for (const [{ runnerId }, origin] of this.#origins) {
      const fields = origin === undefined ? [] : fixedByServing(origin.options, origin.config, next, env);
      if (fields.length === 0) continue;
      throw new ConfigError(
        `configure: ${fields.join(", ")} cannot change while this instance serves as the runner ${runnerId}, which has read it when createRunnerServer was called. Configure before that, give it to createRunnerServer, or stop the server first. The earlier configuration stays.`,
      );
    }
  }

  /** Stops what a reload has replaced: ports are free first. */
  async stopReplaced(): Promise<void> {
    await Promise.all([...this.#origins.keys()].map((server) => server.stop(replacedStop)));
  }

  /** Takes all of them out, and gives what stops them. */
  takeAll(): () => Promise<void> {
    const servers = [...this.#origins.keys()];
    this.#origins.clear();
    return async () => {
      await Promise.all(servers.map((server) => server.stop()));
    };
  }
}
