/**
 * A signed request to a runner, and the response. A request names the process that may execute it. So a runner of which
 * no process is known is first asked for one, and a request to a runner that was restarted is signed again for the new
 * process.
 */
import { wallClockMs } from "../contract/wire/clock.ts";
import type { Codec } from "../contract/codec/codec.ts";
import type { RequestHead } from "../contract/wire/envelope.ts";
import { type FlameErrorContext, InvokeError, withContext } from "../contract/errors.ts";
import { requestHeaders, requestLine } from "../contract/wire/headers.ts";
import { HEARTBEAT_METHOD } from "../contract/wire/heartbeat.ts";
import { askingAudience, type InstanceNote, readInstanceNote } from "../contract/wire/instance.ts";
import { isObject } from "../contract/codec/limits.ts";
import type { ResolvedConfig } from "../contract/config/resolve-config.ts";
import { type Keyring, signRequest } from "../contract/wire/signature.ts";
import type { LeasedRunner } from "./pool/lease.ts";
import { type AttemptResponse, checkOversized, type OversizedResponse, readResponse } from "./read-response.ts";
import type { RunnerLinks } from "./transport/link/links.ts";
import type { LinkCall } from "./transport/link/parent-link.ts";
import { ResponseTooLarge } from "./transport/response-body.ts";
import { type Anchor, type SenderClock, timeBy } from "./sender-clock.ts";
import type {
  BodyCheck,
  HttpExchange,
  HttpFailure,
  HttpOutcome,
  HttpResponse,
  HttpTransport,
  OversizedListener,
  ResponseStart,
} from "./transport/transport.ts";

export interface RunnerExchangeDeps {
  readonly config: Pick<ResolvedConfig, "invokePath" | "maxBodyBytes">;
  /** Maximum size of a response body that is kept. */
  readonly maxResponseBytes: number;
  readonly codec: Codec;
  readonly transport: HttpTransport;
  /** Carries calls to runners that have a link; `undefined` if the pool uses none. */
  readonly links: RunnerLinks | undefined;
  readonly keyring: Keyring;
  readonly clock: SenderClock;
}

/** What is sent, and who receives the outcome. */
export interface RunnerRequest {
  readonly runner: Pick<LeasedRunner, "url" | "audience" | "instances">;
  /** A head with a new nonce and the time that is left. Called each time that the request is sent. */
  head(audience: string, createdMs: number): RequestHead;
  readonly body: Uint8Array;
  /** The fields that errors have. */
  context(): FlameErrorContext;
  /** Called once, unless the exchange is aborted, and never while the request is being sent. */
  onOutcome(outcome: RunnerOutcome): void;
}

export type RunnerOutcome =
  | { readonly response: AttemptResponse }
  | {
      readonly failure: HttpFailure;
      /** The head of a response that was too large to keep, if its signature holds. */
      readonly oversized?: OversizedResponse | undefined;
    };

/** How often one request is sent, each time for another process, before the exchange gives up. */
const maxSends = 20;

const noArguments = new TextEncoder().encode('{"json":[]}');

export class RunnerExchange implements OversizedListener, LinkCall {
  readonly deps: RunnerExchangeDeps;
  readonly #request: RunnerRequest;
  #exchange: HttpExchange | undefined;
  /** The head of the request that was sent last. */
  #head: RequestHead | undefined;
  /** While the runner is asked for its process: the clocks to ask with, the current one first. */
  #anchors: ReadonlyArray<Anchor> | undefined;
  #oversized: OversizedResponse | undefined;
  #sends = 0;
  /** Whether the request itself was sent, and not only the question before it. */
  #requestSent = false;
  /** `performance.now()` when the request was last sent. */
  sentAt = 0;
  /** `performance.now()` when the last response was complete. */
  answeredAt = 0;

  constructor(deps: RunnerExchangeDeps, request: RunnerRequest) {
    this.deps = deps;
    this.#request = request;
  }

  send(): void {
    const { runner, body } = this.#request;
    const { links } = this.deps;
    if (links?.carries(runner) === true) return this.#sendOnLink(links);
    const audience = runner.instances.audience(runner.audience);
    if (audience === undefined) return this.#askForProcess(this.deps.clock.anchors);
    this.#anchors = undefined;
    this.#requestSent = true;
    this.#transmit(this.#request.head(audience, Math.floor(wallClockMs())), body);
  }

  /** Whether a byte may have reached the runner. */
  get sent(): boolean {
    return this.#exchange?.sent === true;
  }

  /** Whether a byte of the request itself may have reached the runner, and not only of the question before it. */
  get reached(): boolean {
    return this.#requestSent && this.sent;
  }

  /** Ends the exchange. The request receives no outcome. */
  abort(): void {
    this.#exchange?.abort();
  }

  /** A response arrives that is too large to keep. */
  startCheck(response: ResponseStart, bodyLength: number): BodyCheck | undefined {
    this.#oversized = checkOversized(this.#head!, response, bodyLength, this.deps.keyring);
    return this.#oversized?.check;
  }

  /** Sends the request on a link, which names the process of the runner. */
  #sendOnLink(links: RunnerLinks): void {
    this.#anchors = undefined;
    this.#requestSent = true;
    this.sentAt = performance.now();
    this.#exchange = links.send(this.#request.runner, this, (outcome) =>
      this.#onOutcome(this.#head ?? this.head(), outcome),
    );
  }

  /** Makes the head of a request on a link, when it is written. */
  head(): RequestHead {
    this.sentAt = performance.now();
    this.#head = this.#request.head(this.#request.runner.audience, Math.floor(wallClockMs()));
    return this.#head;
  }

  get body(): Uint8Array {
    return this.#request.body;
  }

  get maxResponseBytes(): number {
    return this.deps.maxResponseBytes;
  }

  get oversized(): OversizedListener {
    return this;
  }

  /** Asks which process answers there. The question executes nothing, so it can be repeated. */
  #askForProcess(anchors: ReadonlyArray<Anchor>): void {
    const [anchor] = anchors;
    if (anchor === undefined) return;
    this.#anchors = anchors;
    const head = this.#request.head(askingAudience(this.#request.runner.audience), timeBy(anchor));
    this.#transmit({ ...head, method: HEARTBEAT_METHOD, detached: undefined }, noArguments);
  }

  #transmit(head: RequestHead, body: Uint8Array): void {
    const { config, transport, keyring, maxResponseBytes } = this.deps;
    const line = requestLine(head);
    const headers = requestHeaders(head, signRequest(head, body, keyring.signing, line), line);
    headers["content-type"] = "application/json";
    const { url } = this.#request.runner;
    this.#head = head;
    this.#sends += 1;
    this.sentAt = performance.now();
    this.#exchange = transport.send(
      { url, path: config.invokePath, headers, body, maxResponseBytes, oversized: this },
      (outcome) => this.#onOutcome(head, outcome),
    );
  }

  #onOutcome(head: RequestHead, outcome: HttpOutcome): void {
    this.answeredAt = performance.now();
    if ("failure" in outcome) return this.#onFailure(outcome.failure);
    if (this.#anchors !== undefined) return this.#onProcess(head, outcome.response, this.#anchors);
    const response = readResponse(head, outcome.response, this.deps, this.#request);
    const { result, timings } = response;
    if (result instanceof Promise || "value" in result) return this.#request.onOutcome({ response });
    const { instances } = this.#request.runner;
    if (timings === undefined && result.error.code === "signature_error") instances.forget();
    if (result.instance === undefined || this.#sends >= maxSends) return this.#request.onOutcome({ response });
    instances.learn(result.instance, this.sentAt, this.answeredAt);
    if (this.#neverRan(head, result.instance)) return this.send();
    const error = withContext(
      result.error,
      { executed: "unknown" },
      "The previous process of the runner may have run the handler.",
    );
    this.#request.onOutcome({ response: { ...response, result: { ...result, error } } });
  }

  #onFailure(failure: HttpFailure): void {
    if (this.#anchors !== undefined) return this.#request.onOutcome({ failure });
    const complete = failure.cause instanceof ResponseTooLarge && failure.cause.bytes !== undefined;
    const oversized = complete && this.#oversized?.check.holds() === true ? this.#oversized : undefined;
    this.#request.onOutcome({ failure, oversized });
  }

  /** Takes the answer to the question for the process, then sends the request. */
  #onProcess(question: RequestHead, answer: HttpResponse, [anchor, ...others]: ReadonlyArray<Anchor>): void {
    const { instances } = this.#request.runner;
    const response = readResponse(question, answer, this.deps, this.#request);
    const { result, timings } = response;
    if (result instanceof Promise || "value" in result) {
      this.deps.clock.took(anchor!);
      const value = result instanceof Promise ? undefined : result.value;
      const note = isObject(value) ? readInstanceNote(value["instance"]) : undefined;
      if (note === undefined) instances.learnUnnamed();
      else instances.learn(note, this.sentAt, this.answeredAt);
      if (this.#sends < maxSends) this.send();
      else this.#request.onOutcome({ response: { ...response, result: { error: this.#noProcess() } } });
    } else if (timings === undefined && result.error.code === "signature_error" && others.length > 0) {
      this.#askForProcess(others);
    } else {
      this.#request.onOutcome({ response });
    }
  }

  /**
   * Whether no process can have executed the request. The process that rejected it did not. Another process that the
   * request names may have executed it and exited since, unless the one that rejected it was already running at the
   * time of signing.
   */
  #neverRan({ audience }: RequestHead, { id, nowMs }: InstanceNote): boolean {
    return audience.includes(`~${id}@`) || nowMs > this.answeredAt - this.sentAt;
  }

  #noProcess(): InvokeError {
    return new InvokeError(
      "unavailable",
      `No process at ${this.#request.runner.url} accepted the request: it was sent ${maxSends} times, and each time another process answered. Give each runner its own address.`,
      { ...this.#request.context(), executed: "no" },
    );
  }
}
