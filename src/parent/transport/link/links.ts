/**
 * The links of a pool: one per runner. A link is opened when a call or a heartbeat needs it. With `auto`, calls are sent
 * over HTTP as long as there is none: while it is being opened, and where a runner or a proxy refuses it.
 */
import type { ResolvedConnection } from "../../../contract/config/resolve-connection.ts";
import type { FlameErrorCode } from "../../../contract/errors.ts";
import { ANY_RUNNER } from "../../../contract/wire/envelope.ts";
import { decodeErrorBody } from "../../../contract/wire/error-body.ts";
import type { Keyring } from "../../../contract/wire/signature.ts";
import { inNoContext } from "../../../telemetry/no-context.ts";
import { unobserved } from "../../../telemetry/unobserved.ts";
import { Connector } from "../connector.ts";
import type { HttpExchange, HttpOutcome } from "../transport.ts";
import { type Opened, type OpenFailure, openLink } from "./open-link.ts";
import { type LinkCall, LinkExchange, type LinkOwner, type ParentLink } from "./parent-link.ts";

/** The address of a runner, and the audience of calls to it. */
export interface LinkTarget {
  readonly url: string;
  readonly audience: string;
}

/** What a link reports about a runner: it is stopping, or the link was lost. */
export type LinkEvent = "draining" | "lost";

export interface RunnerLinksOptions {
  /** Whether calls wait for a link (`link`), or are sent over HTTP without one (`auto`). */
  readonly transport: "auto" | "link";
  readonly invokePath: string;
  readonly connection: ResolvedConnection;
  readonly keyring: Keyring;
  /** Maximum size of the body of an answer, in bytes. */
  readonly maxBodyBytes: number;
}

/** Receives the answer to a heartbeat: why it was rejected, if it was. */
export type OnHeartbeatAnswer = (
  refusal: { readonly code: FlameErrorCode; readonly message: string } | undefined,
) => void;

const checkIntervalMs = 1_000;
/** Checks that a silent link has left once the runner responds on a new one. */
const rivalChecks = 2;
/** Pause before the next attempt to open a link, in milliseconds: 100, doubling up to 30 s. */
const pauseMs = (failures: number): number => Math.min(30_000, 100 * 2 ** Math.min(failures - 1, 20));
/** Pause after something refused to open a link: an older runner, or a proxy. */
const refusedPauseMs = 60_000;
/** A link that is lost sooner counts as a failure, in milliseconds. */
const stableMs = 10_000;

/** Between half of the time and all of it, so that parents do not reconnect at once. */
const jittered = (ms: number): number => ms * (0.5 + Math.random() / 2);

/** The link to one runner. */
class LinkRoute implements LinkOwner {
  readonly #options: RunnerLinksOptions;
  readonly #target: LinkTarget;
  readonly #connector: Connector;
  readonly #onEvent: (event: LinkEvent) => void;
  #link: ParentLink | undefined;
  /** A newer link, while it is unclear whether the current one only responds late: both may have waited for the same runner. */
  #rival: ParentLink | undefined;
  #rivalChecks = 0;
  /** Links whose call ids are used up, until their calls have ended. */
  readonly #retired = new Set<ParentLink>();
  #abortOpening: (() => void) | undefined;
  /** Calls that wait for a link, with `link`. */
  #waiting: Array<LinkExchange> = [];
  /** Heartbeats that wait for one. */
  #heartbeats: Array<OnHeartbeatAnswer> = [];
  #failures = 0;
  #openAt = 0;
  #closed = false;

  constructor(options: RunnerLinksOptions, target: LinkTarget, onEvent: (event: LinkEvent) => void) {
    this.#options = options;
    this.#target = target;
    this.#connector = new Connector(target.url, options.connection);
    this.#onEvent = onEvent;
  }

  /** The link, if calls can use it. Otherwise one is opened, unless it is too early for the next attempt. */
  get usable(): ParentLink | undefined {
    const link = this.#current();
    if (link === undefined) this.#openWhenDue();
    return link?.silent === true && this.#options.transport === "auto" ? undefined : link;
  }

  call(exchange: LinkExchange): void {
    const link = this.#current();
    if (link !== undefined) return link.call(exchange);
    this.#waiting.push(exchange);
    this.#open();
  }

  /** Called every second. */
  check(): void {
    for (const retired of [...this.#retired]) {
      retired.check();
      if (retired.idle) retired.close("its call ids are used up");
    }
    const link = this.#link;
    if (link === undefined) return;
    const isSilent = link.check();
    const rival = this.#rival;
    if (rival !== undefined) {
      if (!isSilent) this.#dropRival("the link is not needed");
      else if (++this.#rivalChecks >= rivalChecks) this.#replace(rival);
    } else if (isSilent) this.#openWhenDue();
  }

  /** Sends a heartbeat, over the link that is there or the next one. */
  heartbeat(onAnswer: OnHeartbeatAnswer): void {
    const link = this.#current();
    if (link !== undefined) return link.ping(() => onAnswer(undefined));
    this.#heartbeats.push(onAnswer);
    this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#abortOpening?.();
    this.#abortOpening = undefined;
    this.#connector.close();
    this.#dropRival("the connections to the runner were closed");
    for (const link of [this.#link, ...this.#retired]) link?.close("the connections to the runner were closed");
    this.#failWaiting({ stage: "connect", cause: new Error("the connections to the runner were closed") });
  }

  onDraining(link: ParentLink): void {
    if (link === this.#link) this.#onEvent("draining");
  }

  onEnded(link: ParentLink, inOrder: boolean): void {
    this.#retired.delete(link);
    if (link === this.#rival) this.#rival = undefined;
    if (link !== this.#link) return;
    this.#link = this.#rival;
    this.#rival = undefined;
    const isStable = performance.now() - link.openedAt >= stableMs;
    if (!inOrder) this.#pause(isStable ? 1 : this.#failures + 1);
    if (!inOrder && !this.#closed) this.#onEvent("lost");
  }

  /** The link, unless its call ids are used up. */
  #current(): ParentLink | undefined {
    if (this.#link?.exhausted === true) {
      this.#retired.add(this.#link);
      this.#link = undefined;
    }
    return this.#link;
  }

  #openWhenDue(): void {
    if (performance.now() >= this.#openAt) this.#open();
  }

  #open(): void {
    if (this.#abortOpening !== undefined || this.#closed) return;
    const { invokePath, keyring, maxBodyBytes } = this.#options;
    const options = { ...this.#target, invokePath, keyring, maxBodyBytes, connector: this.#connector, owner: this };
    this.#abortOpening = unobserved(openLink, options, (opened: Opened) => inNoContext(this.#onOpened, opened));
  }

  readonly #onOpened = (opened: Opened): void => {
    this.#abortOpening = undefined;
    const old = this.#link;
    if ("link" in opened) {
      const { link } = opened;
      this.#openAt = 0;
      if (old !== undefined) {
        this.#rival = link;
        this.#rivalChecks = 0;
        return;
      }
      this.#link = link;
      for (const exchange of this.#waiting.splice(0)) if (!exchange.dropped) link.call(exchange);
      for (const onAnswer of this.#heartbeats.splice(0)) link.ping(() => onAnswer(undefined));
      return;
    }
    const { failure } = opened;
    this.#pause(this.#failures + 1, failure.stage);
    if (failure.stage === "connect" && old?.silent === true) old.lost(failure.cause);
    this.#failWaiting(failure);
  };

  #pause(failures: number, stage: OpenFailure["stage"] = "connect"): void {
    this.#failures = failures;
    this.#openAt = performance.now() + jittered(stage === "refused" ? refusedPauseMs : pauseMs(failures));
  }

  /** The current link carries nothing any more, while the runner responds on a new one. */
  #replace(rival: ParentLink): void {
    const old = this.#link;
    this.#link = rival;
    this.#rival = undefined;
    old?.lost(new Error("the connection does not carry anything any more, while the runner responds on a new one"));
  }

  #dropRival(reason: string): void {
    const rival = this.#rival;
    this.#rival = undefined;
    rival?.close(reason);
  }

  #failWaiting({ cause, response }: OpenFailure): void {
    const refusal = response === undefined ? undefined : decodeErrorBody(response.body);
    for (const onAnswer of this.#heartbeats.splice(0)) if (refusal !== undefined) onAnswer(refusal);
    for (const exchange of this.#waiting.splice(0)) {
      if (response === undefined) exchange.fail(cause);
      else exchange.end({ response });
    }
  }
}

/** The links of a pool. */
export class RunnerLinks {
  readonly #options: RunnerLinksOptions;
  readonly #routes = new Map<string, LinkRoute>();
  #timer: NodeJS.Timeout | undefined;
  /** Called with what links report about the runner at an address. */
  onEvent: (url: string, event: LinkEvent) => void = () => {};

  constructor(options: RunnerLinksOptions) {
    this.#options = options;
  }

  /**
   * Whether a call to this runner is sent over a link now. With `auto`, an address without an id may stand for several
   * runners, and a link would send all calls to one of them.
   */
  carries(target: LinkTarget): boolean {
    if (this.#options.transport === "link") return true;
    return target.audience !== ANY_RUNNER && this.#route(target).usable !== undefined;
  }

  /** Sends a call. Calls `done` once unless aborted, and never synchronously. */
  send(target: LinkTarget, call: LinkCall, done: (outcome: HttpOutcome) => void): HttpExchange {
    const exchange = new LinkExchange(call, done);
    this.#route(target).call(exchange);
    return exchange;
  }

  /** Sends a heartbeat to a runner that {@link carries} calls. */
  heartbeat(target: LinkTarget, onAnswer: OnHeartbeatAnswer): void {
    this.#route(target).heartbeat(onAnswer);
  }

  /** Closes the link to a runner that has exited. */
  forget(url: string): void {
    this.#routes.get(url)?.close();
    this.#routes.delete(url);
    if (this.#routes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    for (const url of [...this.#routes.keys()]) this.forget(url);
  }

  #route(target: LinkTarget): LinkRoute {
    let route = this.#routes.get(target.url);
    if (route === undefined) {
      route = new LinkRoute(this.#options, target, (event) => this.onEvent(target.url, event));
      this.#routes.set(target.url, route);
      this.#timer ??= inNoContext(() => setInterval(() => this.#check(), checkIntervalMs).unref());
    }
    return route;
  }

  #check(): void {
    for (const route of this.#routes.values()) route.check();
  }
}
