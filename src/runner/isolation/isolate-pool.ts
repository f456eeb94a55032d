/**
 * The isolates of a runner. An isolate is started when an execution needs one, kept for the next one, and stopped when
 * it was idle for some time or the runner stops. There are never more than concurrent executions have needed.
 */
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";
import { type BootEnd, Isolate, type IsolateOwner, type IsolateStart } from "./isolate.ts";
import type { IsolateExit } from "./isolate-link.ts";

/** Timeout of the stop hook of an idle isolate, in milliseconds. */
const idleStopMs = 5_000;

/** Idle time after which an isolate stops, in milliseconds. The last one of its kind stays. */
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
  /** Free isolates. The one that was used last is taken first, so that the others become idle. */
  readonly #free: Array<Isolate> = [];
  /** Isolates that are booting and that no execution waits for. */
  readonly #spares = new Map<IsolateKind, Promise<Isolate | BootFailure>>();
  readonly #timers = new Map<Isolate, NodeJS.Timeout>();
  #closed = false;
  #stopMs = idleStopMs;

  /**
   * @param start Returns what an isolate is started with. Called for each one, and may throw.
   * @param bootTimeoutMs Maximum time until an isolate is ready, in milliseconds.
   */
  constructor(start: () => IsolateStart, bootTimeoutMs: number) {
    this.#start = start;
    this.#bootTimeoutMs = bootTimeoutMs;
  }

  /** A free isolate, or a new one. Rejects with what `start` throws. */
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
   * Stops all isolates and waits for their exit. Running executions have `graceMs` milliseconds, and stop hooks
   * `stopMs`.
   */
  async close(graceMs: number, stopMs: number): Promise<void> {
    this.#closed = true;
    this.#stopMs = stopMs;
    await Promise.all([...this.#all].map((isolate) => isolate.end(graceMs, stopMs)));
  }

  /** An isolate that is booting as a replacement, or a new one. */
  #next(kind: IsolateKind): Promise<Isolate | BootFailure> {
    const spare = this.#spares.get(kind);
    this.#spares.delete(kind);
    return spare ?? this.#boot(kind);
  }

  /** Starts a replacement in advance, if a call has terminated an isolate and none is free. */
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
