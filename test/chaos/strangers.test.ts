/** Unauthenticated connections: how long they stay open, how much memory they hold, and how they affect callers. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { makeCodec } from "../../src/contract/codec/codec.ts";
import type { RequestHead } from "../../src/contract/wire/envelope.ts";
import { newNonce, requestHeaders } from "../../src/contract/wire/headers.ts";
import { signRequest } from "../../src/contract/wire/signature.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Chaos } from "./fixtures/services.ts";
import { books, fixed, type LoneRunner, quantile, startRunner } from "./setup.ts";

const mebibyte = 1024 * 1024;

/** The headers of a request that a runner can reject only after it has the body: everything is valid but the secret. */
const forgedHead = (contentLength: number): string => {
  const head: RequestHead = {
    method: "chaos/where",
    invocationId: "forged",
    attempt: 1,
    audience: "*",
    keyId: "default",
    createdMs: Date.now(),
    nonce: newNonce(),
    timeoutMs: 5_000,
  };
  const body = makeCodec().encode([], "arguments");
  const headers = requestHeaders(head, signRequest(head, body, { id: "default", secret: "not the secret" }));
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /invoke HTTP/1.1\r\nhost: runner\r\ncontent-type: application/json\r\ncontent-length: ${contentLength}\r\n${lines.join("")}\r\n`;
};

interface Stranger {
  readonly kind: string;
  readonly socket: Socket;
  readonly openedAt: number;
  closedAt: number | undefined;
}

/** What each kind of stranger sends once it is connected, and then every second. */
const habits: Readonly<Record<string, { readonly first: () => string; readonly then: string }>> = {
  "says nothing": { first: () => "", then: "" },
  "sends its headers slowly": { first: () => "POST /invoke HTTP/1.1\r\nhost: runner\r\n", then: "x-more: 1\r\n" },
  "sends its body slowly": { first: () => forgedHead(9 * mebibyte), then: "{" },
  "never sends its body": { first: () => forgedHead(1_000), then: "" },
};

/** Bun closes connections without a complete head itself, after a time that cannot be configured. */
const fixedByBun: ReadonlySet<string> = new Set(
  "Bun" in globalThis ? ["says nothing", "sends its headers slowly"] : [],
);

const open = async (runner: LoneRunner, kind: string): Promise<Stranger> => {
  const { first, then } = habits[kind]!;
  const socket = connect(Number(new URL(runner.url).port), "127.0.0.1");
  const stranger: Stranger = { kind, socket, openedAt: performance.now(), closedAt: undefined };
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.on("error", () => {}).resume();
  const again = setInterval(() => socket.write(then), 1_000);
  socket.once("close", () => {
    clearInterval(again);
    stranger.closedAt = performance.now();
  });
  onTestFinished(() => void socket.destroy());
  socket.write(first());
  return stranger;
};

const timeCalls = async (count: number): Promise<ReadonlyArray<number>> => {
  const took: Array<number> = [];
  for (let call = 0; call < count; call++) {
    const startedAt = performance.now();
    await Chaos.where();
    took.push(performance.now() - startedAt);
  }
  return took;
};

test("500 hanging unauthenticated connections are closed within 10 seconds and do not slow calls down", async () => {
  const { env, allow } = books();
  const runner = await startRunner("alone", env);
  await fixed([runner]);
  await timeCalls(200);
  const before = quantile(await timeCalls(1_000), 0.99);

  const kinds = Object.keys(habits);
  const strangers = await Promise.all(Array.from({ length: 500 }, (_, at) => open(runner, kinds[at % kinds.length]!)));
  const meanwhile = quantile(await timeCalls(1_000), 0.99);
  const there = strangers.filter(({ closedAt }) => closedAt === undefined);
  expect(there.length, "strangers that are still connected").toBeGreaterThan(300);
  expect(meanwhile, `p99 with 500 strangers; ${before} ms before`).toBeLessThanOrEqual(allow(2 * before));

  await waitFor(() => strangers.every(({ closedAt }) => closedAt !== undefined), {
    what: "all strangers to be disconnected",
    timeoutMs: 30_000,
  });
  for (const kind of kinds) {
    const lasted = strangers.filter((one) => one.kind === kind).map((one) => one.closedAt! - one.openedAt);
    const limitMs = fixedByBun.has(kind) ? 12_000 : 10_000;
    expect(Math.max(...lasted), `milliseconds until a stranger that ${kind} was disconnected`).toBeLessThanOrEqual(
      allow(limitMs),
    );
  }
  await Chaos.where();
});

test("unverified bodies hold a bounded amount of memory, and large calls still succeed", async () => {
  const { env } = books();
  const runner = await startRunner("alone", env);
  await fixed([runner]);
  const rss = async (): Promise<number> => {
    const response = await fetch(`${runner.url}/ready`);
    return ((await response.json()) as { rssBytes: number }).rssBytes;
  };
  const large = "x".repeat(4 * mebibyte);
  expect((await Chaos.echo(large)).length).toBe(large.length);
  const before = await rss();

  const strangers = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const socket = connect(Number(new URL(runner.url).port), "127.0.0.1");
      onTestFinished(() => void socket.destroy());
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.on("error", () => {}).resume();
      socket.write(forgedHead(10 * mebibyte));
      socket.write(Buffer.alloc(9.9 * mebibyte, " "));
      return socket;
    }),
  );
  let most = 0;
  let over = false;
  const watch = (async () => {
    while (!over) {
      most = Math.max(most, await rss());
      await sleep(20);
    }
  })();
  const startedAt = performance.now();
  expect((await Chaos.echo(large)).length).toBe(large.length);
  const tookMs = performance.now() - startedAt;
  await waitFor(() => strangers.every(({ closed }) => closed), {
    what: "all strangers to be disconnected",
    timeoutMs: 30_000,
  });
  over = true;
  await watch;
  console.log(
    `held at most ${Math.round((most - before) / mebibyte)} MiB more; a call of 4 MiB took ${Math.round(tookMs)} ms`,
  );
  expect(most - before).toBeLessThan(320 * mebibyte);
});
