/** A server that signs its responses as a runner does, answers or fails as its `mood` says, and records the calls that arrive. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { makeCodec } from "../../src/contract/codec/codec.ts";
import type { CallError } from "../../src/contract/errors.ts";
import { readRequestHead } from "../../src/contract/wire/headers.ts";
import { HEARTBEAT_METHOD } from "../../src/contract/wire/heartbeat.ts";
import { type Answer, signedError, signedReply } from "../../src/runner/http/respond.ts";
import { secret } from "./static-runners.ts";

export interface FlakyRunner {
  readonly id: string;
  readonly url: string;
  /** When each call arrived, by `performance.now()`. Heartbeats do not count. */
  readonly arrivals: ReadonlyArray<number>;
  /** The error of every response; `undefined` makes it answer with its id. */
  mood: CallError | undefined;
}

const key = { id: "default", secret };
const codec = makeCodec();

const timings = { receivedMs: Date.now(), sentMs: Date.now(), queueMs: 0, handlerMs: 0, spans: 0 };

/** Starts a flaky runner, which ends with the test. */
export const startFlakyRunner = async (id: string, mood?: CallError): Promise<FlakyRunner> => {
  const arrivals: Array<number> = [];
  const server = createServer((request, response) => {
    if (request.url !== "/invoke") {
      response.writeHead(runner.mood === undefined ? 200 : 503).end();
      return;
    }
    const read = readRequestHead((name) => request.headers[name] as string | undefined);
    if ("malformed" in read) throw new Error(read.malformed);
    const isHeartbeat = read.head.method === HEARTBEAT_METHOD;
    if (!isHeartbeat) arrivals.push(performance.now());
    request.resume().on("end", () => {
      const answer: Answer =
        runner.mood === undefined || isHeartbeat
          ? signedReply(read.head, key, id, { outcome: "ok", status: 200, body: codec.encode(id, "result"), timings })
          : signedError(read.head, key, id, performance.now(), runner.mood);
      response.writeHead(answer.status, { ...answer.headers }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const runner: FlakyRunner = { id, url, arrivals, mood };
  return runner;
};
