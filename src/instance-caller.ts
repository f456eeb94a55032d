/** The caller of an instance: it calls through the client of the current configuration. */
import * as Effect from "effect/Effect";
import { FlameError, InvokeError, withContext, type CallError } from "./contract/errors.ts";
import { asPromise, type Caller } from "./contract/api/caller.ts";
import type { Client } from "./parent/client.ts";

/** The part of an instance that calls need. */
interface CallingInstance {
  /** Made with the first call. Throws if the configuration is invalid, or the instance was shut down. */
  readonly client: Client;
  /** Set while a package is loading that calls need. */
  readonly loading: Promise<void> | undefined;
}

const setupError = (thrown: unknown, method: string): CallError =>
  thrown instanceof FlameError
    ? withContext(thrown as CallError, { method })
    : new InvokeError("invoke_error", `${method} cannot be called: the setup of Firelight failed; see the cause.`, {
        executed: "no",
        method,
        cause: thrown,
      });

/** Makes the caller of an instance. It reads the client for each call, so a new configuration applies from the next call on. */
export const callerOf = (instance: CallingInstance): Caller => {
  const onceLoaded = <A>(method: string, call: Effect.Effect<A, CallError>): Effect.Effect<A, CallError> => {
    const { loading } = instance;
    if (loading === undefined) return call;
    const wait = Effect.tryPromise({ try: () => loading, catch: (thrown) => setupError(thrown, method) });
    return Effect.andThen(wait, call);
  };

  return {
    call: (method, args, options, observer) => {
      try {
        return onceLoaded(method, instance.client.call({ method, args, options, observer }));
      } catch (thrown) {
        return Effect.fail(setupError(thrown, method));
      }
    },
    run: (method, args, options, observer) => {
      try {
        const { client } = instance;
        const request = { method, args, options, observer };
        return instance.loading === undefined
          ? client.run(request)
          : asPromise(onceLoaded(method, client.call(request)), method);
      } catch (thrown) {
        return Promise.reject(setupError(thrown, method));
      }
    },
    fanOut: (request) => {
      try {
        const run = instance.client.fanOut(request);
        return (work) => onceLoaded(request.method, run(work));
      } catch (thrown) {
        return () => Effect.fail(setupError(thrown, request.method));
      }
    },
  };
};
