/** Who carries the calls of an instance out: the client of its present configuration. */
import * as Effect from "effect/Effect";
import { FlameError, InvokeError, withContext, type CallError } from "./contract/errors.ts";
import type { Caller } from "./contract/api/caller.ts";
import type { Client } from "./parent/client.ts";

/** What is needed of an instance. */
interface CallingInstance {
  /** Made with the first call. May throw when the configuration cannot work, or the instance was shut down. */
  readonly client: Client;
  /** While something is loaded without which no call may begin. */
  readonly loading: Promise<void> | undefined;
}

const setupError = (thrown: unknown, method: string): CallError =>
  thrown instanceof FlameError
    ? withContext(thrown as CallError, { method })
    : new InvokeError(
        "invoke_error",
        `${method} could not be called: Firelight failed to set itself up; see the cause.`,
        { executed: "no", method, cause: thrown },
      );

/** The caller of an instance. It finds the client for each call, so that a new configuration holds from the next one on. */
export const callerOf = (instance: CallingInstance): Caller => {
  const clientFor = (method: string): Client | CallError => {
    try {
      return instance.client;
    } catch (thrown) {
      return setupError(thrown, method);
    }
  };

  const onceLoaded = <A>(method: string, call: Effect.Effect<A, CallError>): Effect.Effect<A, CallError> => {
    const { loading } = instance;
    if (loading === undefined) return call;
    const wait = Effect.tryPromise({ try: () => loading, catch: (thrown) => setupError(thrown, method) });
    return Effect.andThen(wait, call);
  };

  return {
    call: (method, args, options, observer) => {
      const client = clientFor(method);
      if (client instanceof FlameError) return Effect.fail(client);
      return onceLoaded(method, client.call({ method, args, options, observer }));
    },
    fanOut: (request) => {
      const client = clientFor(request.method);
      if (client instanceof FlameError) return () => Effect.fail(client);
      const run = client.fanOut(request);
      return (work) => onceLoaded(request.method, run(work));
    },
  };
};
