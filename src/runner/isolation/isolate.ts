/**
 * One isolate as its runner holds it, from its start to its end. It has one run at a
 * time; who takes it leaves it again, and what it still does then has a short grace
 * before it is terminated.
 */
import { maxTimerMs } from "../../contract/validation/check-number.ts";
import type { IsolateKind } from "../../contract/config/isolation.ts";
import type { ThrownError } from "../../contract/thrown.ts";
import { startChild } from "./child.ts";
import type { IsolateExit, IsolateLink, LinkStart } from "./isolate-link.ts";
import type { FromIsolate, IsolateSettings, RunEnd, RunMessage } from "./messages.ts";
import { startThread } from "./thread.ts";

/** Milliseconds after which a thread that was terminated and goes on is inside native code. */
const stopTimeoutMs = 1_000;

/** Milliseconds in which an isolate that is asked to exit must have sent its telemetry. */
const exitTimeoutMs = 5_000;

/** Who wants to know of a run. */
export interface RunListener {
  started(): void;
  /** Called also when nobody waits for it any more. */
  ended(end: RunEnd): void;
  /** The isolate ended, and not because it was terminated. */
  lost(exit: IsolateExit): void;
  /** It did not end in time. `stopped` is false if even that does not end it. */
  terminated(stopped: boolean): void;
}

/** What an isolate is started with. */
export interface IsolateStart extends Pick<LinkStart, "entry"> {
  readonly settings: Omit<IsolateSettings, "isolation">;
  /** Milliseconds that a handler has to end after its signal was aborted. */
  readonly graceMs: number;
}

/** Who lends isolates. */
export interface IsolateOwner {
  /** It may be taken again. */
  free(isolate: Isolate): void;
  /** It is no more; `atWork` if it had a run, and so is missed. */
  gone(isolate: Isolate, atWork: boolean): void;
}

/** How a boot ended: it can be taken, it is no more, or its start hook threw. */
export type BootEnd = "ready" | IsolateExit | { readonly thrown: ThrownError };

export class Isolate {
  readonly kind: IsolateKind;
  /** Settles when it can be taken, or has ended before. */
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

  /** Takes it. Whoever does so must leave it again. */
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

  /** Whoever took it has no more use for it. A handler that still runs is aborted, and terminated after the grace. */
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
   * Ends it: in order where it is free, and where it has a run after that, or after `graceMs` milliseconds at most. Its stop hook
   * has `stopMs` milliseconds. Settles when it is gone.
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
