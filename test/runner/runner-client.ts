/**
 * A runner on a real socket, and a client that signs its requests like a parent,
 * without a parent.
 */
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { makeCodec } from "../../src/contract/codec/codec.ts";
import type { ErrorBody, RequestHead, ResponseHead } from "../../src/contract/wire/envelope.ts";
import { newNonce, readResponseHead, requestHeaders } from "../../src/contract/wire/headers.ts";
import type { InvocationContext } from "../../src/contract/api/invocation.ts";
import type { FlameConfig } from "../../src/contract/config/options.ts";
import { type Environment, resolveConfig } from "../../src/contract/config/resolve-config.ts";
import { createRegistry } from "../../src/contract/api/registry.ts";
import { type SigningKey, signRequest, verifyResponse } from "../../src/contract/wire/signature.ts";
import type { RunnerServerOptions } from "../../src/runner/options.ts";
import { createRunnerServer, type RunnerServer, type RunnerServerDeps } from "../../src/runner/server.ts";
import { type FlameEvent, makeTelemetry, noTracer, type StageTracer } from "../../src/telemetry/telemetry.ts";

export const key: SigningKey = { id: "default", secret: "a secret for tests" };
export const codec = makeCodec();

type Handler = (context: InvocationContext, ...args: ReadonlyArray<never>) => unknown;

export interface LogRecord {
  readonly level: string;
  readonly message: string;
  readonly meta: Record<string, unknown> | undefined;
}

export interface TestRunner {
  readonly server: RunnerServer;
  readonly events: Array<FlameEvent>;
  readonly logs: Array<LogRecord>;
  /** Number of admitted invocations that have not ended. */
  readonly inFlight: () => number;
}

export interface StartOptions {
  readonly handlers?: Readonly<Record<string, Handler>>;
  readonly config?: FlameConfig;
  readonly options?: RunnerServerOptions;
  readonly env?: Environment;
  readonly metrics?: RunnerServerDeps["metrics"];
}

/** Starts a runner on 127.0.0.1 that serves `handlers` as the service `test` and stops when the test finishes. */
export const startRunner = async (start: StartOptions = {}): Promise<TestRunner> => {
  const registry = createRegistry();
  registry.register(
    "test",
    Object.entries(start.handlers ?? {}).map(([id, handler]) => ({
      id,
      options: {},
      handler,
      invoke: (context: InvocationContext, args: ReadonlyArray<unknown>) =>
        Reflect.apply(handler, undefined, [context, ...args]),
    })),
  );
  const events: Array<FlameEvent> = [];
  const logs: Array<LogRecord> = [];
  let entered = 0;
  const tracer: StageTracer = {
    capture: noTracer.capture,
    adopt: noTracer.adopt,
    begin: (stage) => {
      if (stage._tag === "server") entered++;
      return noTracer.begin(stage);
    },
    stage: (stage, run) => {
      if (stage._tag === "server") entered++;
      return noTracer.stage(stage, run);
    },
  };
  const record = (level: string) => (message: string, meta?: Record<string, unknown>) =>
    void logs.push({ level, message, meta });
  const server = createRunnerServer(
    {
      config: resolveConfig({ security: { secret: key.secret }, ...start.config }, {}),
      registry,
      telemetry: makeTelemetry(tracer, [{ emit: (event) => void events.push(event) }]),
      metrics: start.metrics,
      logger: { debug: record("debug"), info: record("info"), warn: record("warn"), error: record("error") },
      env: start.env ?? {},
    },
    { port: 0, hostname: "127.0.0.1", ...start.options },
  );
  onTestFinished(() => server.stop({ drainTimeoutMs: 0 }));
  await server.ready;
  const inFlight = (): number => entered - events.filter((event) => event._tag === "ServerEnded").length;
  return { server, events, logs, inFlight };
};

export interface SignedRequest {
  readonly head: RequestHead;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** A request signed like a parent's; `change` overrides fields of its head. */
export const sign = (
  method: string,
  args: ReadonlyArray<unknown>,
  change: Partial<RequestHead> = {},
  by: SigningKey = key,
): SignedRequest => {
  const head: RequestHead = {
    method,
    invocationId: "inv-1",
    attempt: 1,
    audience: "*",
    keyId: by.id,
    createdMs: Date.now(),
    nonce: newNonce(),
    timeoutMs: 5_000,
    ...change,
  };
  const body = codec.encode(args, "arguments");
  return {
    head,
    body,
    headers: { ...requestHeaders(head, signRequest(head, body, by)), "content-type": "application/json" },
  };
};

export interface Reply {
  /** The head of the request that this reply belongs to. */
  readonly request: RequestHead;
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly text: string;
}

/** Sends a request; `headers` and `body` replace what was signed. */
export const send = async (
  runner: { readonly server: Pick<RunnerServer, "url"> },
  request: SignedRequest,
  change: { headers?: Record<string, string>; body?: Uint8Array; signal?: AbortSignal } = {},
): Promise<Reply> => {
  const response = await fetch(`${runner.server.url}/invoke`, {
    method: "POST",
    headers: { ...request.headers, ...change.headers },
    body: (change.body ?? request.body) as Uint8Array<ArrayBuffer>,
    signal: change.signal,
  });
  const body = new Uint8Array(await response.arrayBuffer());
  return {
    request: request.head,
    status: response.status,
    headers: response.headers,
    body,
    text: new TextDecoder().decode(body),
  };
};

/** The error in a reply. */
export const errorOf = (reply: Reply): ErrorBody => JSON.parse(reply.text) as ErrorBody;

/** The head of a reply. @throws Error if its signature is invalid. */
export const verifiedHead = (reply: Reply, by: SigningKey = key): ResponseHead => {
  const read = readResponseHead((name) => reply.headers.get(name), reply.status, reply.request);
  if ("malformed" in read) throw new Error(read.malformed);
  if (!verifyResponse(read.head, reply.body, read.signature, by))
    throw new Error("The response's signature does not hold.");
  return read.head;
};

/** Opens a request whose body the test writes in pieces, which fetch cannot do. */
export const openRequest = (runner: TestRunner, headers: Record<string, string>) => {
  const request = httpRequest(`${runner.server.url}/invoke`, { method: "POST", headers, agent: false });
  const answered = new Promise<{ status: number; text: string; connection: string | undefined }>((resolve, reject) => {
    request.on("error", reject).on("response", (response) => {
      const chunks: Array<Buffer> = [];
      response
        .on("data", (chunk: Buffer) => chunks.push(chunk))
        .on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString(),
            connection: response.headers.connection,
          }),
        );
    });
  });
  return { request, answered };
};

/** Sends raw text and returns everything received until the connection closes. */
export const sendRaw = (runner: TestRunner, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(runner.server.port, "127.0.0.1");
    let received = "";
    socket.setEncoding("utf8");
    socket
      .on("data", (chunk: string) => (received += chunk))
      .on("close", () => resolve(received))
      .on("error", reject);
    socket.write(text);
  });

/** A promise and the function that resolves it, for waiting on something that happens inside a handler. */
export const fact = <A = void>(): { readonly promise: Promise<A>; readonly settle: (value: A) => void } => {
  const { promise, resolve } = Promise.withResolvers<A>();
  return { promise, settle: resolve };
};
