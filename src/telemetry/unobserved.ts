/**
 * Keeps what Firelight does for itself out of other people's traces. Agents announce themselves to undici, to `net` and
 * to `dns` through `node:diagnostics_channel`, and OpenTelemetry's instrumentations ask the active context. What runs
 * here is not seen by either: agents are told that nobody listens, instrumentations that tracing is suppressed.
 *
 * It runs in no caller's context. A connection outlives the call that opened it, and would keep that call's context,
 * and charge its spans for whatever happens there later.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Channel, channel } from "node:diagnostics_channel";
import { ROOT_CONTEXT, context as otelContext } from "@opentelemetry/api";
import { inNoContext } from "./no-context.ts";
import { suppressed } from "./otel-context.ts";

/** What undici says about a request and its connection, on Node and in whichever copy. */
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

/** What dd-trace says about connections: it is the only agent that asks a channel there, and not the active context. */
const datadogChannels = ["apm:net:tcp:start", "apm:net:ipc:start", "apm:dns:lookup:start"];

const channels = [...undiciChannels, ...datadogChannels].map((name) => channel(name));
/** Those of which one has subscribers wherever an agent is loaded. */
const signs = [channel("undici:request:create"), channel("apm:net:tcp:start")] as const;

const inside = new AsyncLocalStorage<true>();
const unseen = inNoContext(() => inside.run(true, () => AsyncLocalStorage.snapshot()));
const suppressedRoot = suppressed(ROOT_CONTEXT);

/** Makes a channel say in here that it has no subscribers; everywhere else it says what it did. */
const mute = (subject: Channel): void => {
  Object.defineProperty(subject, "hasSubscribers", {
    configurable: true,
    get: () =>
      inside.getStore() !== true && Reflect.get(Object.getPrototypeOf(subject) as object, "hasSubscribers", subject),
  });
};

let muted = false;

/** Touches the channels of the process once somebody listens there. */
const muteForAgents = (): void => {
  if (muted || !(signs[0].hasSubscribers || signs[1].hasSubscribers)) return;
  muted = true;
  for (const subject of channels) mute(subject);
};

const withoutTracing = <Args extends Array<unknown>, Result>(run: (...args: Args) => Result, ...args: Args): Result =>
  otelContext.with(suppressedRoot, run, undefined, ...args);

/** Runs a function, and what it leaves behind, so that no agent and no instrumentation records anything of it. */
export const unobserved = <Args extends Array<unknown>, Result>(
  run: (...args: Args) => Result,
  ...args: Args
): Result => {
  muteForAgents();
  return unseen(withoutTracing<Args, Result>, run, ...args);
};
