/**
 * A signed request to a runner, and the answer. A request names the process that may execute it, so a runner of which no
 * process is known is asked first, and one that was restarted is sent the request again, signed for the new process.
 */
import { wallClockMs } from "../contract/wire/clock.ts";
import type { Codec } from "../contract/codec/codec.ts";
import type { RequestHead } from "../contract/wire/envelope.ts";
import { type FlameErrorContext, InvokeError, withContext } from "../contract/errors.ts";
import { requestHeaders } from "../contract/wire/headers.ts";
import { HEARTBEAT_METHOD } from "../contract/wire/heartbeat.ts";
import { askingAudience, type InstanceNote, readInstanceNote } from "../contract/wire/instance.ts";
import { isObject } from "../contract/codec/limits.ts";
import type { ResolvedConfig } from "../contract/config/resolve-config.ts";
import { type Keyring, signRequest } from "../contract/wire/signature.ts";
import type { LeasedRunner } from "./pool/lease.ts";
import { checkOversized, type OversizedReply, readReply, type Reply } from "./read-response.ts";
import { responseLimit, ResponseTooLarge } from "./transport/response-body.ts";
import { type Anchor, type SenderClock, timeBy } from "./sender-clock.ts";
import type {
  BodyCheck,
  HttpExchange,
  HttpFailure,
  HttpOutcome,
  HttpTransport,
  OversizedListener,
  ResponseStart,
} from "./transport/transport.ts";

export interface RunnerExchangeDeps {
  readonly config: Pick<ResolvedConfig, "invokePath" | "maxBodyBytes">;
  readonly codec: Codec;
  readonly transport: HttpTransport;
  readonly keyring: Keyring;
  readonly clock: SenderClock;
}

/** What is to be sent, and who hears what became of it. */
export interface RunnerRequest {
  readonly runner: Pick<LeasedRunner, "url" | "audience" | "instances">;
  /** The head, with a nonce of its own and what is left of the time; asked for each time that it is sent. */
  head(audience: string, createdMs: number): RequestHead;
  readonly body: Uint8Array;
  /** What errors should say. */
  context(): FlameErrorContext;
  /** Called once, unless the exchange is aborted; never while it is being sent. */
  answered(outcome: RunnerOutcome): void;
}

export type RunnerOutcome =
  | { readonly reply: Reply }
  | {
      readonly failure: HttpFailure;
      /** What an answer said that was too large to be kept, if its signature holds. */
      readonly oversized?: OversizedReply | undefined;
    };

/** Times that one request is sent, for want of a process that takes it. */
const maxSends = 20;

const noArguments = new TextEncoder().encode('{"json":[]}');

export class RunnerExchange implements OversizedListener {
  readonly #deps: RunnerExchangeDeps;
  readonly #request: RunnerRequest;
  #exchange: HttpExchange | undefined;
  /** The head that was sent last. */
  #head: RequestHead | undefined;
  #oversized: OversizedReply | undefined;
  #sends = 0;
  /** Whether the request itself is on its way, and not the question before it. */
  #asked = false;
  /** `performance.now()` when it was sent, the last time. */
  sentAt = 0;
  /** `performance.now()` when the last answer was there. */
  answeredAt = 0;

  constructor(deps: RunnerExchangeDeps, request: RunnerRequest) {
    this.#deps = deps;
    this.#request = request;
  }

  send(): void {
    const { runner, body } = this.#request;
    const audience = runner.instances.audience(runner.audience);
    if (audience === undefined) {
      this.#ask(this.#deps.clock.anchors);
      return;
    }
    this.#asked = true;
    const head = this.#request.head(audience, Math.floor(wallClockMs()));
    this.#transmit(head, body, (outcome) => this.#answered(head, outcome));
  }

  /** Whether a byte may have reached the runner. */
  get sent(): boolean {
    return this.#exchange?.sent === true;
  }

  /** Whether a byte of the request itself may have, and not only of the question before it. */
  get reached(): boolean {
    return this.#asked && this.sent;
  }

  /** Ends it; nobody hears of it any more. */
  abort(): void {
    this.#exchange?.abort();
  }

  /** Asks for the process. Nothing is executed for that, so it may be asked again as often as one likes. */
  #ask([anchor, ...others]: ReadonlyArray<Anchor>): void {
    if (anchor === undefined) return;
    const { runner } = this.#request;
    const head = this.#request.head(askingAudience(runner.audience), timeBy(anchor));
    const question: RequestHead = { ...head, method: HEARTBEAT_METHOD, detached: undefined };
    this.#transmit(question, noArguments, (outcome) => {
      if ("failure" in outcome) return this.#request.answered(outcome);
      const reply = this.#read({ ...question, method: head.method }, outcome);
      const { result, timings } = reply;
      if (result instanceof Promise || "value" in result) {
        this.#deps.clock.took(anchor);
        const value = result instanceof Promise ? undefined : result.value;
        const note = isObject(value) ? readInstanceNote(value["instance"]) : undefined;
        if (note === undefined) runner.instances.learnUnnamed();
        else runner.instances.learn(note, this.sentAt, this.answeredAt);
        if (this.#sends < maxSends) this.send();
        else this.#request.answered({ reply: { ...reply, result: { error: this.#nobody() } } });
      } else if (timings === undefined && result.error.code === "signature_error" && others.length > 0) {
        this.#ask(others);
      } else {
        this.#request.answered({ reply });
      }
    });
  }

  /** An answer comes in that is too large to be kept. */
  startCheck(response: ResponseStart, bodyLength: number): BodyCheck | undefined {
    this.#oversized = checkOversized(this.#head!, response, bodyLength, this.#deps.keyring);
    return this.#oversized?.check;
  }

  #answered(head: RequestHead, outcome: HttpOutcome): void {
    if ("failure" in outcome) {
      const { failure } = outcome;
      const whole = failure.cause instanceof ResponseTooLarge && failure.cause.bytes !== undefined;
      const oversized = whole && this.#oversized?.check.holds() === true ? this.#oversized : undefined;
      return this.#request.answered({ failure, oversized });
    }
    const { instances } = this.#request.runner;
    const reply = this.#read(head, outcome);
    const { result, timings } = reply;
    if (result instanceof Promise || "value" in result) return this.#request.answered({ reply });
    if (timings === undefined && result.error.code === "signature_error") instances.forget();
    if (result.instance === undefined || this.#sends >= maxSends) return this.#request.answered({ reply });
    instances.learn(result.instance, this.sentAt, this.answeredAt);
    if (this.#neverRan(head, result.instance)) return this.send();
    const error = withContext(result.error, { executed: "unknown" }, "The process before it may have run it.");
    this.#request.answered({ reply: { ...reply, result: { ...result, error } } });
  }

  /**
   * Whether no process can have executed the request. The one that refused it did not. Another one that it names may have, and
   * have ended since, unless the one that refused was there already when it was signed.
   */
  #neverRan({ audience }: RequestHead, { id, nowMs }: InstanceNote): boolean {
    return audience.includes(`~${id}@`) || nowMs > this.answeredAt - this.sentAt;
  }

  #nobody(): InvokeError {
    return new InvokeError(
      "unavailable",
      `No process at ${this.#request.runner.url} took the request, which was sent ${maxSends} times, each time for another one. Give each runner an address of its own.`,
      { ...this.#request.context(), executed: "no" },
    );
  }

  #read(request: RequestHead, { response }: Extract<HttpOutcome, { response: unknown }>): Reply {
    const { codec, keyring, config } = this.#deps;
    const { url } = this.#request.runner;
    const maxResultBytes = config.maxBodyBytes;
    const context = (): FlameErrorContext => this.#request.context();
    return readReply({ request, response, url, keyring, codec, maxResultBytes, context });
  }

  #transmit(head: RequestHead, body: Uint8Array, done: (outcome: HttpOutcome) => void): void {
    const { config, transport, keyring } = this.#deps;
    const headers = requestHeaders(head, signRequest(head, body, keyring.signing));
    headers["content-type"] = "application/json";
    const request = {
      url: this.#request.runner.url,
      path: config.invokePath,
      headers,
      body,
      maxResponseBytes: responseLimit(config.maxBodyBytes),
      oversized: this,
    };
    this.#head = head;
    this.#sends += 1;
    this.sentAt = performance.now();
    this.#exchange = transport.send(request, (outcome) => {
      this.answeredAt = performance.now();
      done(outcome);
    });
  }
}
