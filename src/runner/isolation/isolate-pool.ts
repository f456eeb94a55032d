/**
 * The isolates of a runner: started when a run needs one, kept warm for the next,
 * and ended when they were not needed for a while or the runner stops. There are as
 * many as runs at a time had needed, and never more.
 */
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";
import { type BootEnd, Isolate, type IsolateOwner, type IsolateStart } from "./isolate.ts";
import type { IsolateExit } from "./isolate-link.ts";

/** Milliseconds that the stop hook of an isolate has that is not needed any more, while its runner goes on. */
const idleStopMs = 5_000;

/** Milliseconds after which an isolate that nobody takes ends. The last of its kind stays. */
const idleMs = 60_000;

/** Why there is no isolate. */
export type BootFailure =
  | { readonly _tag: "Silent"; readonly starting: boolean }
  | { readonly _tag: "StartFailed"; readonly thrown: ThrownError }
  | { readonly _tag: "Ended"; readonly exit: IsolateExit };

const failedToStart = (cause: unknown): IsolateExit => ({ how: "could not be started", starved: true, cause });

export class IsolatePool implements IsolateOwner {
  readonly #start: () => IsolateStart;
  readonly #bootTimeoutMs: number;
  readonly #all = new Set<Isolate>();
  /** Free ones; the one that was used last is taken first, so that the others can end. */
  readonly #free: Array<Isolate> = [];
  /** Those that are being started and nobody waits for. */
  readonly #spares = new Map<IsolateKind, Promise<Isolate | BootFailure>>();
  readonly #timers = new Map<Isolate, NodeJS.Timeout>();
  #closed = false;
  #stopMs = idleStopMs;

  /**
   * @param start what isolates are started with; asked for each, and may throw.
   * @param bootTimeoutMs milliseconds that an isolate may take until it takes runs.
   */
  constructor(start: () => IsolateStart, bootTimeoutMs: number) {
    this.#start = start;
    this.#bootTimeoutMs = bootTimeoutMs;
  }

  /** A free isolate, or a new one. What `start` throws rejects it. */
  async take(kind: IsolateKind): Promise<Isolate | BootFailure> {
    const at = this.#free.findLastIndex((isolate) => isolate.kind === kind);
    const isolate = at < 0 ? await this.#next(kind) : this.#free.splice(at, 1)[0]!;
    if (!(isolate instanceof Isolate)) return isolate;
    clearTimeout(this.#timers.get(isolate));
    isolate.take();
    return isolate;
  }

  free(isolate: Isolate): void {
    if (this.#closed) {
      void isolate.end(0, this.#stopMs);
      return;
    }
    this.#free.push(isolate);
    clearTimeout(this.#timers.get(isolate));
    this.#timers.set(isolate, setTimeout(() => this.#idle(isolate), idleMs).unref());
  }

  gone(isolate: Isolate, atWork: boolean): void {
    this.#all.delete(isolate);
    this.#forgetFree(isolate);
    clearTimeout(this.#timers.get(isolate));
    this.#timers.delete(isolate);
    if (atWork && !this.#closed) this.#replace(isolate.kind);
  }

  /**
   * Ends all of them, those with a run after `graceMs` milliseconds at most, and waits until they are gone. Their stop hooks have
   * `stopMs` milliseconds.
   */
  async close(graceMs: number, stopMs: number): Promise<void> {
    this.#closed = true;
    this.#stopMs = stopMs;
    await Promise.all([...this.#all].map((isolate) => isolate.end(graceMs, stopMs)));
  }

  /** One that is being started to replace another, or a new one. */
  #next(kind: IsolateKind): Promise<Isolate | BootFailure> {
    const spare = this.#spares.get(kind);
    this.#spares.delete(kind);
    return spare ?? this.#boot(kind);
  }

  /** Starts one in advance, where a call has cost one and none is free. */
  #replace(kind: IsolateKind): void {
    if (this.#spares.has(kind) || this.#free.some((isolate) => isolate.kind === kind)) return;
    const spare = this.#boot(kind);
    this.#spares.set(kind, spare);
    const keep = (booted?: Isolate | BootFailure): void => {
      if (this.#spares.get(kind) !== spare) return;
      this.#spares.delete(kind);
      if (booted instanceof Isolate) this.free(booted);
    };
    spare.then(keep, () => keep());
  }

  async #boot(kind: IsolateKind): Promise<Isolate | BootFailure> {
    const start = this.#start();
    let isolate: Isolate;
    try {
      isolate = new Isolate(kind, start, this);
    } catch (cause) {
      return { _tag: "Ended", exit: failedToStart(cause) };
    }
    this.#all.add(isolate);
    const { promise: tooLong, resolve } = Promise.withResolvers<"silent">();
    const timer = setTimeout(() => resolve("silent"), this.#bootTimeoutMs);
    const end: BootEnd | "silent" = await Promise.race([isolate.booted, tooLong]);
    clearTimeout(timer);
    if (end === "ready") return isolate;
    void isolate.end(0, 0);
    if (end === "silent") return { _tag: "Silent", starting: isolate.starting };
    return "thrown" in end ? { _tag: "StartFailed", thrown: end.thrown } : { _tag: "Ended", exit: end };
  }

  #idle(isolate: Isolate): void {
    const others = this.#free.some((other) => other !== isolate && other.kind === isolate.kind);
    if (!others || !this.#forgetFree(isolate)) return;
    void isolate.end(0, idleStopMs);
  }

  #forgetFree(isolate: Isolate): boolean {
    const at = this.#free.indexOf(isolate);
    if (at >= 0) this.#free.splice(at, 1);
    return at >= 0;
  }
}
