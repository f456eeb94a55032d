/** Manages the runners of a pool: boots, monitors, probes and terminates them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RunnerExit } from "../../../contract/config/backend.ts";
import { maxTimerMs } from "../../../contract/validation/check-number.ts";
import { heartbeatsPerTimeout } from "../../../contract/wire/heartbeat.ts";
import type { ResolvedPool } from "../../../contract/config/resolve-pool.ts";
import { normalAddress } from "../../../contract/config/runner-url.ts";
import { thrownText } from "../../../contract/user-function.ts";
import type { SpanIds, Telemetry, TerminationReason } from "../../../telemetry/telemetry.ts";
import { addressOf } from "../../transport/server-address.ts";
import { askBackend, type Health, probeDelayMs, unhealthy } from "./probe.ts";
import { type Boot, type BootEnvironment, startBoot } from "./boot.ts";
import { KnownInstances } from "../../runner-instances.ts";
import { Terminations } from "./terminations.ts";
import type { PoolEvent } from "../core/events.ts";
import { HeartbeatAnswers } from "./heartbeat-answers.ts";
import { exitEventMs, type LostRunner, type PooledRunner } from "../lease.ts";
import type { PoolHooks } from "../hooks.ts";
import { describeExit, inOrder, readExit, type CheckedHandle } from "./runner-handle.ts";
import { toPromise } from "../to-promise.ts";
import { SpanAccounting } from "../span-accounting.ts";

/** Pause after the n-th failed boot in a row, in milliseconds: 100, doubling up to 30 s. */
const bootPauseMs = (failures: number): number => Math.min(30_000, 100 * 2 ** (failures - 1));

export class RunnerManager {
  readonly #config: ResolvedPool;
  readonly #telemetry: Telemetry;
  readonly #environment: BootEnvironment;
  readonly #hooks: PoolHooks;
  readonly #onEvent: (event: PoolEvent) => void;
  readonly #runners: Map<string, PooledRunner> = new Map();
  readonly #boots: Map<string, Boot> = new Map();
  readonly #exits: Map<string, LostRunner> = new Map();
  readonly #timers: Set<NodeJS.Timeout> = new Set();
  readonly #terminations: Terminations;
  readonly #healthTimer: NodeJS.Timeout | undefined;
  readonly #heartbeatTimer: NodeJS.Timeout | undefined;
  readonly #heartbeats: HeartbeatAnswers;
  /** With a memory limit, busy runners are checked too. */
  maxRssBytes: number;

  constructor(
    config: ResolvedPool,
    telemetry: Telemetry,
    environment: BootEnvironment,
    hooks: PoolHooks,
    onEvent: (event: PoolEvent) => void,
  ) {
    this.#config = config;
    this.#telemetry = telemetry;
    this.#environment = environment;
    this.#hooks = hooks;
    this.#onEvent = onEvent;
    this.#terminations = new Terminations(config, telemetry);
    this.maxRssBytes = config.bounds.maxRssBytes;
    this.#heartbeats = new HeartbeatAnswers(config.name, telemetry);
    if (Number.isFinite(config.healthCheckMs))
      this.#healthTimer = setInterval(() => this.#healthCheck(), Math.min(config.healthCheckMs, maxTimerMs)).unref();
    if (config.backend !== undefined && Number.isFinite(config.orphanTimeoutMs)) {
      const everyMs = Math.min(config.orphanTimeoutMs / heartbeatsPerTimeout, maxTimerMs);
      this.#heartbeatTimer = setInterval(() => {
        for (const runner of this.#runners.values()) this.#sendHeartbeat(runner);
      }, everyMs).unref();
    }
    for (const runner of config.runners) {
      this.#runners.set(runner.id, {
        ...runner,
        address: addressOf(runner.url),
        boot: undefined,
        exited: undefined,
        answered: true,
        timeouts: 0,
        lostAt: undefined,
        listeners: new Set(),
        terminate: () => Promise.resolve(),
        healthCheck: undefined,
        instances: new KnownInstances(),
        spans: this.#newBook(),
      });
    }
  }

  /** Whether a runner is booting. */
  get booting(): boolean {
    return this.#boots.size > 0;
  }

  /** Milliseconds since the oldest boot in progress started. */
  get bootingMs(): number {
    let oldest = performance.now();
    for (const { startedAt } of this.#boots.values()) oldest = Math.min(oldest, startedAt);
    return performance.now() - oldest;
  }

  /** The spans of the boots in progress. */
  get bootSpans(): ReadonlyArray<SpanIds> {
    return [...this.#boots.values()].flatMap(({ span }) => span ?? []);
  }

  /** A runner that is up. */
  get(runnerId: string): PooledRunner {
    const runner = this.#runners.get(runnerId);
    if (runner === undefined)
      throw new Error(`pool ${this.#config.name}: a lease was granted on ${runnerId}, which is not up`);
    return runner;
  }

  /** The runners at an address. */
  at(url: string): ReadonlyArray<string> {
    return [...this.#runners].flatMap(([runnerId, runner]) => (runner.url === url ? [runnerId] : []));
  }

  /** Boots a runner, and reports the outcome to the pool. */
  boot(runnerId: string, reason: string, requestedBy: SpanIds | undefined): void {
    const boot = startBoot({
      pool: this.#config,
      runnerId,
      reason,
      requestedBy,
      telemetry: this.#telemetry,
      environment: this.#environment,
      done: (result) => {
        this.#boots.delete(runnerId);
        if (result._tag === "failed") {
          this.#onEvent({ _tag: "BootFailed", runnerId, error: result.error });
        } else {
          this.#up(runnerId, result.handle, result.span);
        }
      },
    });
    this.#boots.set(runnerId, boot);
  }

  /** Reports that a runner is draining. */
  draining(runnerId: string, reason: TerminationReason): void {
    this.#telemetry.emit({ _tag: "RunnerDraining", pool: this.#config.name, runnerId: this.get(runnerId).id, reason });
  }

  /** Probes a runner after a delay. */
  probe(runnerId: string, afterFailures: number): void {
    const runner = this.#runners.get(runnerId);
    if (runner === undefined) return;
    this.#later(probeDelayMs(afterFailures), () => {
      void this.#ask(runnerId, runner);
    });
  }

  /**
   * Waits for the exit of a runner that is stopping. If the backend does not report exits, the runner is probed until
   * it is silent.
   */
  awaitEnd(runnerId: string): void {
    const runner = this.#runners.get(runnerId);
    if (runner !== undefined && runner.exited === undefined) this.#askUntilSilent(runnerId, runner, 1);
  }

  /** Sends the pool a tick after a delay. */
  scheduleTick(afterMs: number): void {
    this.#later(Math.ceil(afterMs), () => this.#onEvent({ _tag: "Tick" }));
  }

  /** Allows the pool to boot again after a pause. */
  allowBootLater(failures: number): void {
    this.#later(bootPauseMs(failures), () => this.#onEvent({ _tag: "BootAllowed" }));
  }

  /** Fails the calls on a runner. */
  failCalls(runnerId: string, reason: TerminationReason, now: number): void {
    const runner = this.#runners.get(runnerId);
    if (runner === undefined) return;
    runner.lostAt = now;
    const lost = this.#exits.get(runnerId);
    for (const listener of runner.listeners) listener.onLost(reason, lost);
  }

  /** Cancels a boot. Returns `false` if there is none. */
  cancelBoot(runnerId: string, why: string): boolean {
    const boot = this.#boots.get(runnerId);
    if (boot === undefined) return false;
    this.#boots.delete(runnerId);
    this.#terminations.add(runnerId, boot.cancel(why));
    return true;
  }

  /** Terminates a runner, or cancels its boot. */
  terminate(runnerId: string, reason: TerminationReason): void {
    if (this.cancelBoot(runnerId, "the pool was shut down")) return;
    const runner = this.#runners.get(runnerId);
    const detail = this.#exits.get(runnerId)?.how;
    this.#runners.delete(runnerId);
    this.#exits.delete(runnerId);
    if (runner === undefined) return;
    if (this.#config.backend === undefined) return runner.spans.settled();
    this.#telemetry.emit({
      _tag: "RunnerTerminated",
      pool: this.#config.name,
      runnerId: runner.id,
      reason,
      ...(detail === undefined ? {} : { detail }),
    });
    this.#environment.forget(runner.url);
    this.#terminations.add(runner.id, this.#end(runner, reason));
  }

  /** Settles when all terminations are done. */
  async close(): Promise<void> {
    clearInterval(this.#healthTimer);
    clearInterval(this.#heartbeatTimer);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#terminations.over();
  }

  #up(runnerId: string, handle: CheckedHandle, span: SpanIds | undefined): void {
    const backend = this.#config.backend!;
    if (handle.fault !== undefined)
      this.#hooks.misbehaved(
        "backend.spawn",
        handle.fault,
        "the exit of a runner is only noticed by failed calls and probes",
      );
    const url = normalAddress(handle.url);
    const exited = handle.exited
      ?.then(readExit, (error: unknown): RunnerExit => ({ reason: thrownText(error) }))
      .then((exit) => {
        this.#exited(runnerId, { how: describeExit(exit), exit });
        return exit;
      });
    const runner: PooledRunner = {
      id: handle.id,
      url,
      address: addressOf(url),
      audience: handle.id,
      boot: span,
      exited,
      answered: true,
      timeouts: 0,
      lostAt: undefined,
      listeners: new Set(),
      terminate: () => toPromise(() => backend.terminate(handle.given)),
      healthCheck: backend.healthCheck === undefined ? undefined : () => askBackend(backend, handle.given, this.#hooks),
      instances: new KnownInstances(),
      spans: this.#newBook(),
    };
    this.#runners.set(runnerId, runner);
    if (this.#heartbeatTimer !== undefined) this.#sendHeartbeat(runner);
    this.#onEvent({ _tag: "BootSucceeded", runnerId });
  }

  #sendHeartbeat(runner: PooledRunner): void {
    this.#environment.heartbeat(runner, (refusal) => this.#heartbeats.answered(runner, refusal));
  }

  /** Checks every runner that has not responded to a call since the last check. */
  #healthCheck(): void {
    for (const [runnerId, runner] of this.#runners) {
      if (runner.answered && this.maxRssBytes === Infinity) runner.answered = false;
      else void this.#ask(runnerId, runner);
    }
  }

  /** The health by the backend, if it reports one. Only the runner itself reports its memory. */
  async #healthOf({ url, healthCheck }: PooledRunner): Promise<Health> {
    const said = await healthCheck?.();
    if (said !== undefined && (!said.healthy || this.maxRssBytes === Infinity)) return said;
    const answer = await this.#environment.probe(url).catch((error: unknown) => {
      if (said === undefined) throw error;
      return said;
    });
    return { ...answer, healthy: said?.healthy ?? answer.healthy };
  }

  #askUntilSilent(runnerId: string, runner: PooledRunner, attempt: number): void {
    this.#later(probeDelayMs(attempt), async () => {
      const answers = await this.#environment.probe(runner.url).then(
        () => true,
        () => false,
      );
      if (this.#runners.get(runnerId) !== runner) return;
      if (answers) this.#askUntilSilent(runnerId, runner, attempt + 1);
      else this.#onEvent({ _tag: "Silent", runnerId });
    });
  }

  async #ask(runnerId: string, runner: PooledRunner): Promise<void> {
    const health = await this.#healthOf(runner).catch(() => unhealthy);
    if (!health.healthy) await Promise.race([runner.exited, sleep(exitEventMs, undefined, { ref: false })]);
    if (!health.healthy && this.#config.backend === undefined) runner.spans.lost();
    if (this.#runners.get(runnerId) === runner) this.#onEvent({ _tag: "ProbeEnded", runnerId, ...health });
  }

  #exited(runnerId: string, lost: LostRunner): void {
    const runner = this.#runners.get(runnerId);
    if (runner === undefined) return;
    const refused = this.#heartbeats.explain(runner);
    this.#exits.set(runnerId, refused === undefined ? lost : { ...lost, how: `${lost.how}; ${refused}` });
    this.#onEvent({ _tag: "Lost", runnerId, reason: "crash" });
  }

  /** Terminates a runner, and accounts for its spans by the way it exited. */
  async #end(runner: PooledRunner, reason: TerminationReason): Promise<void> {
    const failed = reason === "crash" || reason === "unhealthy";
    if (reason === "crash") runner.spans.lost();
    await runner.terminate();
    const exit = await Promise.race([runner.exited, sleep(exitEventMs, undefined, { ref: false })]);
    if (exit === undefined ? failed : !inOrder(exit)) runner.spans.lost();
    else runner.spans.settled();
  }

  #newBook(): SpanAccounting {
    const pool = this.#config.name;
    return new SpanAccounting((outcome, count) => this.#telemetry.emit({ _tag: "RunnerSpans", pool, outcome, count }));
  }

  #later(delayMs: number, run: () => unknown): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void run();
    }, delayMs);
    timer.unref();
    this.#timers.add(timer);
  }
}
