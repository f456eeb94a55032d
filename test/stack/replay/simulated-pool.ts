/**
 * A pool as a queue with several servers: calls arrive, wait for the slot that is free first, run, fail or time out, and
 * are retried within the pool's retry budget. It records the metrics that the rules read, under their names in the
 * catalog. The order of events is exact as long as retries are short.
 */
import { RetryBudget } from "../../../src/parent/retry-budget.ts";
import { metrics, type MetricSpec } from "../../../src/telemetry/catalog.ts";
import type { RecordedProcess, Seconds, SeriesLabels } from "./recording.ts";

type Status = "OK" | "UNKNOWN" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "RESOURCE_EXHAUSTED" | "UNAUTHENTICATED";

/** A runner that the pool starts, and how that ends. */
export interface Boot {
  readonly at: Seconds;
  readonly seconds: number;
  readonly result: "ok" | "error" | "timeout";
}

export interface SimulatedPool {
  readonly pool: string;
  readonly method: string;
  /** Slots that the pool may have. */
  readonly limit: number;
  /** Slots of each runner. Default: 1. */
  readonly slotsPerRunner?: number;
  /** Boots, in the order of time. Each that succeeds adds its slots. */
  readonly boots: ReadonlyArray<Boot>;
  /** Calls per second, whatever their results. Default: none. */
  readonly rate?: (at: Seconds) => number;
  /** Callers that call again as soon as they have a result, such as `Method.map`. Default: none. */
  readonly callers?: { readonly count: number; readonly from: Seconds; readonly until: Seconds };
  /** The time that a handler takes. */
  readonly serviceSeconds: (at: Seconds, random: () => number) => number;
  /** How an attempt ends that is not too slow. Default: all succeed. */
  readonly outcome?: (at: Seconds, random: () => number) => Status;
  /** Default: 30. */
  readonly deadlineSeconds?: number;
  /** Default: no limit. */
  readonly maxQueue?: number;
  /** Default: 1. */
  readonly maxAttempts?: number;
  /** When runners crash. */
  readonly crashes?: ReadonlyArray<Seconds>;
  /** Spans that are lost, as shares of those recorded. Default: none. */
  readonly lostShare?: (at: Seconds) => number;
}

const spansPerCall = 2;
const backoffSeconds = 0.1;

const name = (key: keyof typeof metrics): string => metrics[key].name;

/** A random number generator with a seed (mulberry32), so that each history is the same in every run. */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Every combination of the known values of a metric's labels. */
const knownLabels = (key: keyof typeof metrics, labels: SeriesLabels): ReadonlyArray<SeriesLabels> => {
  const { known = {} }: MetricSpec = metrics[key];
  return Object.entries(known).reduce<ReadonlyArray<SeriesLabels>>(
    (all, [label, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [label]: value }))),
    [labels],
  );
};

class Recorder {
  readonly #process: RecordedProcess;
  readonly #labels: SeriesLabels;
  readonly #method: string;

  constructor(process: RecordedProcess, { pool, method, limit }: SimulatedPool) {
    this.#process = process;
    this.#labels = { flame_pool_name: pool };
    this.#method = method;
    for (const key of ["retriesRefused", "terminations", "signatureRejections", "telemetrySpans"] as const)
      for (const labels of knownLabels(key, this.#labels)) process.declare(name(key), labels);
    for (const key of ["pending", "slotsUsed", "slotsLimit"] as const) process.declare(name(key), this.#labels);
    process.add(process.from, name("slotsLimit"), this.#labels, limit);
    process.addRate(process.from, name("slotBusy"), this.#labels, 0);
  }

  wait(from: Seconds, until: Seconds): void {
    if (until <= from) return;
    this.#process.add(from, name("pending"), this.#labels, 1);
    this.#process.add(until, name("pending"), this.#labels, -1);
  }

  use(from: Seconds, until: Seconds): void {
    this.#process.add(from, name("slotsUsed"), this.#labels, 1);
    this.#process.add(until, name("slotsUsed"), this.#labels, -1);
    this.#process.addRate(from, name("slotBusy"), this.#labels, 1);
    this.#process.addRate(until, name("slotBusy"), this.#labels, -1);
  }

  acquired(at: Seconds, seconds: number, result: string, source: string): void {
    this.#observe("acquireDuration", at, seconds, { ...this.#labels, result, source });
  }

  booted({ at, seconds, result }: Boot): void {
    this.#observe("bootDuration", at + seconds, seconds, { ...this.#labels, backend: "process", result });
    if (result === "timeout")
      this.#process.add(at + seconds, name("terminations"), { ...this.#labels, reason: "boot_timeout" });
  }

  attempted(at: Seconds, status: Status, kind: "first" | "retry"): void {
    const labels = { rpc_method: this.#method, rpc_status_code: status, ...this.#labels, attempt_kind: kind };
    this.#process.add(at, `${name("attemptDuration")}_count`, labels);
  }

  called(at: Seconds, status: Status): void {
    const error = status === "OK" ? "" : status;
    this.#process.add(at, `${name("callDuration")}_count`, {
      rpc_system_name: "flame",
      rpc_method: this.#method,
      rpc_status_code: status,
      error_type: error,
      ...this.#labels,
    });
  }

  spans(at: Seconds, count: number, outcome: "reported" | "lost"): void {
    this.#process.add(at, name("telemetrySpans"), { ...this.#labels, outcome }, count);
  }

  refusedForBudget(at: Seconds): void {
    this.#process.add(at, name("retriesRefused"), { ...this.#labels, reason: "budget" });
  }

  crashed(at: Seconds): void {
    this.#process.add(at, name("terminations"), { ...this.#labels, reason: "crash" });
  }

  #observe(key: "acquireDuration" | "bootDuration", at: Seconds, seconds: number, labels: SeriesLabels): void {
    this.#process.observe(at, name(key), labels, metrics[key].buckets, seconds);
  }
}

interface Slot {
  freeAt: Seconds;
  fresh: boolean;
}

/** Adds the life of a pool to that of its process. */
export const simulatePool = (process: RecordedProcess, pool: SimulatedPool, seed = 1): void => {
  const { deadlineSeconds = 30, maxQueue = Infinity, maxAttempts = 1, slotsPerRunner = 1 } = pool;
  const random = seededRandom(seed);
  const recorder = new Recorder(process, pool);
  let now = process.from;
  const budget = new RetryBudget({ maxTokens: 20, tokenRatio: 0.25, tokensPerSecond: 1 }, () => now * 1000);

  for (const boot of pool.boots) recorder.booted(boot);
  for (const at of pool.crashes ?? []) recorder.crashed(at);
  const slots: ReadonlyArray<Slot> = pool.boots
    .filter(({ result }) => result === "ok")
    .flatMap(({ at, seconds }) =>
      Array.from({ length: slotsPerRunner }, () => ({ freeAt: at + seconds, fresh: seconds > 1 })),
    )
    .slice(0, pool.limit);
  /** When the calls that wait now will get their slot or give up. */
  let waiting: Array<Seconds> = [];

  const attempt = (at: Seconds, deadline: Seconds, kind: "first" | "retry"): { status: Status; endsAt: Seconds } => {
    if (waiting.length > 0) waiting = waiting.filter((until) => until > at);
    let slot: Slot | undefined;
    for (const one of slots) if (slot === undefined || one.freeAt < slot.freeAt) slot = one;
    if (slot === undefined || waiting.length >= maxQueue) {
      recorder.acquired(at, 0, "rejected", "queued");
      return { status: slot === undefined ? "UNAVAILABLE" : "RESOURCE_EXHAUSTED", endsAt: at };
    }
    const startsAt = Math.max(at, slot.freeAt);
    const source = startsAt === at ? "warm" : slot.fresh ? "cold" : "queued";
    if (startsAt >= deadline) {
      recorder.wait(at, deadline);
      waiting.push(deadline);
      recorder.acquired(deadline, deadline - at, "timeout", source);
      return { status: "DEADLINE_EXCEEDED", endsAt: deadline };
    }
    slot.fresh = false;
    recorder.wait(at, startsAt);
    if (startsAt > at) waiting.push(startsAt);
    recorder.acquired(startsAt, startsAt - at, "acquired", source);
    const finishesAt = startsAt + pool.serviceSeconds(startsAt, random);
    const inTime = finishesAt < deadline;
    const endsAt = inTime ? finishesAt : deadline;
    const status = inTime ? (pool.outcome?.(startsAt, random) ?? "OK") : "DEADLINE_EXCEEDED";
    slot.freeAt = endsAt;
    recorder.use(startsAt, endsAt);
    recorder.attempted(endsAt, status, kind);
    const lost = Math.round(spansPerCall * (pool.lostShare?.(endsAt) ?? 0));
    recorder.spans(endsAt, spansPerCall - lost, "reported");
    if (lost > 0) recorder.spans(endsAt, lost, "lost");
    return { status, endsAt };
  };

  const mayRetry = (status: Status): boolean => status === "UNKNOWN" || status === "UNAVAILABLE";

  /** Makes a call and returns when it ends. */
  const call = (at: Seconds): Seconds => {
    const deadline = at + deadlineSeconds;
    let { status, endsAt } = attempt(at, deadline, "first");
    let tookToken = false;
    for (let made = 1; made < maxAttempts && mayRetry(status); made++) {
      now = Math.max(now, at);
      tookToken = budget.take();
      if (!tookToken) {
        recorder.refusedForBudget(endsAt);
        break;
      }
      ({ status, endsAt } = attempt(endsAt + backoffSeconds, deadline, "retry"));
    }
    if (status === "OK") budget.succeeded(tookToken);
    recorder.called(endsAt, status);
    return endsAt;
  };

  const { count = 0, from = 0, until = 0 } = pool.callers ?? {};
  const callers = Array.from({ length: count }, () => from);
  const runCallers = (before: Seconds): void => {
    for (;;) {
      const next = Math.min(...callers);
      if (!(next < Math.min(before, until))) return;
      callers[callers.indexOf(next)] = call(next);
    }
  };

  let due = 0.5;
  for (let second = process.from; second < process.until; second++) {
    runCallers(second);
    due += pool.rate?.(second) ?? 0;
    const arrivals = Array.from({ length: Math.floor(due) }, () => second + random()).toSorted((a, b) => a - b);
    due -= arrivals.length;
    for (const at of arrivals) call(at);
  }
};

/** The boots of runners that are there from the start of the process. */
export const warmRunners = (process: RecordedProcess, count: number): ReadonlyArray<Boot> =>
  Array.from({ length: count }, () => ({ at: process.from, seconds: 0.4, result: "ok" as const }));
