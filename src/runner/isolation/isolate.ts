/**
 * One isolate on the runner's side, from its start to its exit. It has one execution at a time. After it is left, a
 * handler that still runs has a grace period before the isolate is terminated.
 */
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";
import { startChild } from "./child.ts";
import type { IsolateExit, IsolateLink, LinkStart } from "./isolate-link.ts";
import type { FromIsolate, IsolateSettings, RunEnd, RunMessage } from "./messages.ts";
import { startThread } from "./thread.ts";

/** Time after which a terminated thread that still runs must be in native code, in milliseconds. */
const stopTimeoutMs = 1_000;

/** How long a stopping isolate has to flush its telemetry, in milliseconds. */
const exitTimeoutMs = 5_000;

/** Is notified of an execution. */
export interface RunListener {
  started(): void;
  /** Also called if the runner no longer waits. */
  ended(end: RunEnd): void;
  /** The isolate exited without being terminated. */
  lost(exit: IsolateExit): void;
  /** The isolate was terminated. `stopped` is `false` if it still runs. */
  terminated(stopped: boolean): void;
}

/** What an isolate is started with. */
export interface IsolateStart extends Pick<LinkStart, "entry"> {
  readonly settings: Omit<IsolateSettings, "isolation">;
  /** How long a handler may run after its signal was aborted, in milliseconds. */
  readonly graceMs: number;
}

/** The owner of isolates. */
export interface IsolateOwner {
  /** The isolate is free. */
  free(isolate: Isolate): void;
  /** The isolate has exited; `atWork` if it had an execution. */
  gone(isolate: Isolate, atWork: boolean): void;
}

/** The outcome of a boot: ready, exited, or its start hook threw. */
export type BootEnd = "ready" | IsolateExit | { readonly thrown: ThrownError };

export class Isolate {
  readonly kind: IsolateKind;
  /** Settles when the isolate is ready, or has exited. */
  readonly booted: Promise<BootEnd>;
  readonly #owner: IsolateOwner;
  readonly #graceMs: number;
  readonly #link: IsolateLink;
  readonly #gone = Promise.withResolvers<void>();
  #bootEnded: (end: BootEnd) => void = () => {};
  #state: "alive" | "stopping" | "gone" = "alive";
  #ready = false;
  /** Whether its start hook is running. */
  starting = false;
  #run: RunListener | undefined;
  #aborted = false;
  #left = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(kind: IsolateKind, { graceMs, entry, settings }: IsolateStart, owner: IsolateOwner) {
    this.kind = kind;
    this.#owner = owner;
    this.#graceMs = graceMs;
    this.booted = new Promise((resolve) => (this.#bootEnded = resolve));
    const startLink = kind === "worker" ? startThread : startChild;
    this.#link = startLink({
      entry,
      settings: { ...settings, isolation: kind },
      onMessage: (message) => this.#onMessage(message),
      onExit: (exit) => this.#onExit(exit),
    });
  }

  /** Takes the isolate. Must be followed by {@link leave}. */
  take(): void {
    this.#left = false;
  }

  run(message: RunMessage, listener: RunListener): void {
    this.#run = listener;
    this.#aborted = false;
    this.#link.send(message);
  }

  extend(timeoutMs: number): void {
    this.#link.send({ _tag: "Extend", timeoutMs });
  }

  /** Aborts the handler's signal: at its deadline, or for another reason. */
  abort(why: "Expire" | "Cancel"): void {
    if (this.#aborted || this.#run === undefined) return;
    this.#aborted = true;
    this.#link.send({ _tag: why });
  }

  /** Returns the isolate. A handler that still runs is aborted, and terminated after the grace period. */
  leave(): void {
    this.#left = true;
    if (this.#state !== "alive") return;
    if (this.#run === undefined) {
      this.#owner.free(this);
      return;
    }
    this.abort("Cancel");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#kill(), this.#graceMs);
  }

  /**
   * Stops the isolate: at once if it is free, else after its execution or `graceMs` milliseconds. Its stop hook has
   * `stopMs` milliseconds. Settles when it has exited.
   */
  end(graceMs: number, stopMs: number): Promise<void> {
    if (this.#state === "alive" && this.#ready && this.#run === undefined) {
      this.#state = "stopping";
      this.#link.send({ _tag: "Exit", stopMs });
      this.#timer = setTimeout(() => this.#kill(), Math.min(stopMs + exitTimeoutMs, maxTimerMs));
    } else if (this.#state === "alive" && this.#run === undefined) {
      this.#kill();
    } else if (this.#state === "alive" && !this.#left) {
      this.#timer = setTimeout(() => this.#kill(), graceMs);
    }
    return this.#gone.promise;
  }

  #onMessage(message: FromIsolate): void {
    switch (message._tag) {
      case "Starting":
        this.starting = true;
        return;
      case "StartFailed":
        return this.#bootEnded({ thrown: message.thrown });
      case "Ready":
        this.#ready = true;
        this.starting = false;
        return this.#bootEnded("ready");
      case "Started":
        return this.#run?.started();
      case "Ended": {
        const run = this.#run;
        if (this.#state !== "alive" || run === undefined) return;
        const left = this.#left;
        this.#run = undefined;
        clearTimeout(this.#timer);
        run.ended(message.end);
        if (left) this.#owner.free(this);
        return;
      }
    }
  }

  #onExit(exit: IsolateExit): void {
    if (this.#state === "gone") return;
    const run = this.#run;
    const expected = this.#state === "stopping";
    this.#over();
    this.#bootEnded(exit);
    if (expected) run?.terminated(true);
    else run?.lost(exit);
  }

  #kill(): void {
    this.#state = "stopping";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#unstoppable(), stopTimeoutMs);
    this.#link.kill();
  }

  #unstoppable(): void {
    const run = this.#run;
    this.#over();
    run?.terminated(false);
  }

  #over(): void {
    const atWork = this.#run !== undefined;
    this.#state = "gone";
    this.#run = undefined;
    clearTimeout(this.#timer);
    this.#owner.gone(this, atWork);
    this.#gone.resolve();
  }
}
