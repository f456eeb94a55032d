/**
 * Hides Firelight's own I/O from the user's traces. Agents hook into undici, `net` and `dns` through
 * `node:diagnostics_channel`; OpenTelemetry's instrumentations check the active context. Code that runs in here is
 * invisible to both: the channels report no subscribers, and tracing is suppressed.
 *
 * The code also runs outside of every caller's context. A connection outlives the call that opened it. It would
 * otherwise keep that call's context and attach later work to its spans.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Channel, channel } from "node:diagnostics_channel";
import { ROOT_CONTEXT, context as otelContext } from "@opentelemetry/api";
import { inNoContext } from "./no-context.ts";
import { suppressed } from "./otel-context.ts";

/** The channels of undici for requests and connections, on Node and in every copy of it. */
const undiciChannels = [
  "undici:request:create",
  "undici:request:bodySent",
  "undici:request:bodyChunkSent",
  "undici:request:headers",
  "undici:request:bodyChunkReceived",
  "undici:request:trailers",
  "undici:request:error",
  "undici:client:beforeConnect",
  "undici:client:connected",
  "undici:client:connectError",
  "undici:client:sendHeaders",
];

/**
 * The channels of dd-trace for connections. It is the only agent that uses a channel there instead of the active
 * context.
 */
const datadogChannels = ["apm:net:tcp:start", "apm:net:ipc:start", "apm:dns:lookup:start"];

const channels = [...undiciChannels, ...datadogChannels].map((name) => channel(name));
/** At least one of these has subscribers when an agent is loaded. */
const agentChannels = [channel("undici:request:create"), channel("apm:net:tcp:start")] as const;

const inside = new AsyncLocalStorage<true>();
const unseen = inNoContext(() => inside.run(true, () => AsyncLocalStorage.snapshot()));
const suppressedRoot = suppressed(ROOT_CONTEXT);

/** Makes a channel report no subscribers inside `unobserved`; elsewhere it is unchanged. */
const mute = (subject: Channel): void => {
  Object.defineProperty(subject, "hasSubscribers", {
    configurable: true,
    get: () =>
      inside.getStore() !== true && Reflect.get(Object.getPrototypeOf(subject) as object, "hasSubscribers", subject),
  });
};

let muted = false;

/** Patches the channels of the process, once an agent has subscribed. */
const muteForAgents = (): void => {
  muted = true;
  for (const subject of channels) mute(subject);
};

const withoutTracing = <Args extends Array<unknown>, Result>(run: (...args: Args) => Result, ...args: Args): Result =>
  otelContext.with(suppressedRoot, run, undefined, ...args);

/** Runs a function, and the asynchronous work that it starts, without any agent or instrumentation recording it. */
export const unobserved = <Args extends Array<unknown>, Result>(
  run: (...args: Args) => Result,
  ...args: Args
): Result => {
  if (!muted && (agentChannels[0].hasSubscribers || agentChannels[1].hasSubscribers)) muteForAgents();
  return unseen(withoutTracing<Args, Result>, run, ...args);
};
