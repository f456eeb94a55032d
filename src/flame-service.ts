/** A Firelight instance as an Effect service: created by its layer, shut down with its scope. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { ConfigError } from "./contract/errors.ts";
import type { FlameConfig } from "./contract/config/options.ts";
import { createFlame, type Flame } from "./flame.ts";

const Key: Context.ServiceClass<FlameService, "firelight/FlameService", Flame> = Context.Service<FlameService, Flame>()(
  "firelight/FlameService",
);

/**
 * A Firelight instance as an Effect service.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function* () {
 *   const flame = yield* FlameService;
 *   const math = flame.serviceEffect("math", { add: async (a: number, b: number) => a + b });
 *   return yield* math.add(1, 2);
 * });
 * await Effect.runPromise(program.pipe(Effect.provide(FlameService.layer({ mode: "local" }))));
 * ```
 */
export class FlameService extends Key {
  /**
   * Creates an instance. Fails with a {@link ConfigError} if the configuration is invalid; shuts the instance down
   * with its scope.
   *
   * @param config the configuration
   */
  static layer(config: FlameConfig = {}): Layer.Layer<FlameService, ConfigError> {
    const start = Effect.tryPromise({
      try: async () => {
        const flame = createFlame();
        await flame.configure(config);
        return flame;
      },
      catch: (error) => error as ConfigError,
    });
    return Layer.effect(
      FlameService,
      Effect.acquireRelease(start, (flame) => Effect.promise(() => flame.shutdown())),
    );
  }
}
