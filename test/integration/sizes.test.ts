/** Arguments and results that exceed maxBodyBytes: the error, and whether the handler ran. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeCodec } from "../../src/contract/codec/codec.ts";
import { readRequestHead } from "../../src/contract/wire/headers.ts";
import { createFlame, flame, FlameMethodError, type PoolConfig } from "../../src/index.ts";
import { signedReply } from "../../src/runner/http/respond.ts";
import { InProcess, InWorker } from "./fixtures/isolated-services.ts";
import { entryOf, silent, withRunners } from "./setup.ts";
import { failureOf, parentOf, secret, startStaticRunner } from "./static-runners.ts";

/** Bytes that `{"json":["…"]}` adds to a text. */
const around = 13;

const methods = () => {
  const calls: Array<number> = [];
  return {
    calls,
    work: {
      length: async (text: string) => {
        calls.push(text.length);
        return text.length;
      },
      text: async (length: number) => {
        calls.push(length);
        return "x".repeat(length);
      },
      fail: async () => {
        throw new FlameMethodError("declined", "y".repeat(5_000));
      },
    },
  };
};

const remote = async (maxBodyBytes: number, pool: PoolConfig = {}) => {
  const { calls, work } = methods();
  const runner = await startStaticRunner("r1", work);
  const parent = parentOf([{ id: "r1", url: runner.url }], pool, { maxBodyBytes });
  return { calls, parent, service: parent.flame.service("work", work) };
};

const local = (maxBodyBytes: number) => {
  const { calls, work } = methods();
  const instance = createFlame({ mode: "local", maxBodyBytes, logger: silent });
  onTestFinished(() => instance.shutdown());
  return { calls, service: instance.service("work", work) };
};

describe.each([
  ["a runner", remote],
  ["local mode", local],
])("with %s", (_, make) => {
  test("accepts arguments up to maxBodyBytes, and fails larger ones before sending", async () => {
    const { calls, service } = await make(1_000);
    expect(await service.length("x".repeat(1_000 - around))).toBe(1_000 - around);
    const error = await failureOf(service.length.with({ retry: { maxAttempts: 3 } })("x".repeat(1_001 - around)));
    expect(error).toMatchObject({
      code: "payload_too_large",
      executed: "no",
      retryable: false,
      phase: "encode",
      method: "work/length",
      attempt: undefined,
    });
    expect(error.message).toMatch(/have 1001 bytes; maxBodyBytes allows 1000\. Nothing was sent\. Send less/);
    expect(calls).toEqual([1_000 - around]);
  });

  test("fails only the oversized item of a map", async () => {
    const { calls, service } = await make(1_000);
    const items = ["a", "x".repeat(2_000), "bb"];
    const outcomes = await service.length.map(items, { onError: "collect" });
    expect(outcomes).toMatchObject([
      { ok: true, value: 1 },
      { ok: false, error: { code: "payload_too_large", executed: "no", index: 1 } },
      { ok: true, value: 2 },
    ]);
    expect(calls.toSorted()).toEqual([1, 2]);
  });

  test.each([1_000, 100_000, 3_000_000])(
    "fails a call with an oversized result of %i characters with executed: yes",
    async (length) => {
      const { calls, service } = await make(500);
      const again = service.text.with({ idempotent: true, retry: { maxAttempts: 3, baseDelayMs: 1 } });
      const error = await failureOf(again(length));
      expect(error).toMatchObject({ code: "payload_too_large", executed: "yes", retryable: false });
      expect(error.message).toMatch(new RegExp(`has ${length + 11} bytes; maxBodyBytes.* allows 500\\. Return less`));
      expect(calls).toEqual([length]);
      expect(await service.text(5)).toBe("xxxxx");
    },
  );

  test("does not apply maxBodyBytes to errors", async () => {
    const { service } = await make(100);
    expect(await failureOf(service.fail())).toMatchObject({ code: "remote_error", remote: { code: "declined" } });
  });
});

test("oversized arguments take no slot and boot no runner", async () => {
  let boots = 0;
  const backend = {
    spawn: async (): Promise<never> => {
      boots++;
      throw new Error("no runner was wanted");
    },
    terminate: async () => {},
  };
  const { flame: parent } = parentOf([], { backend, runners: [], max: 1 }, { maxBodyBytes: 100 });
  const { length } = parent.service("work", { length: async (text: string) => text.length });
  expect(await failureOf(length("x".repeat(200)))).toMatchObject({ code: "payload_too_large", executed: "no" });
  expect(boots).toBe(0);
  expect(parent.pools["default"]!.stats()).toMatchObject({ slotsUsed: 0, pending: 0 });
});

describe.each([
  ["worker", InWorker],
  ["process", InProcess],
] as const)("from an isolate: %s", (_, service) => {
  const expected = { code: "payload_too_large", executed: "yes", retryable: false };

  test("fails with executed: yes when the result exceeds the caller's maxBodyBytes", async () => {
    await withRunners({ max: 1 }, { runner: "isolated-runner", config: { maxBodyBytes: 30 } });
    expect(await failureOf(service.where())).toMatchObject(expected);
  });

  test("fails with executed: yes when the result exceeds the isolate's maxBodyBytes", async () => {
    onTestFinished(() => flame.shutdown());
    const isolation = { entry: entryOf("isolated-runner") };
    await flame.configure({
      mode: "local",
      maxBodyBytes: 30,
      isolation,
      logger: silent,
    });
    expect(await failureOf(service.where())).toMatchObject(expected);
    expect(await failureOf(service.echo("x".repeat(40)))).toMatchObject({ ...expected, executed: "no" });
    await flame.configure({ maxBodyBytes: 10_000_000 });
  });
});

describe("an oversized response", () => {
  const codec = makeCodec();
  const key = { id: "default", secret };
  const timings = { receivedMs: Date.now(), sentMs: Date.now(), queueMs: 0, handlerMs: 0, spans: 0 };
  const result = codec.encode("z".repeat(2_000_000), "result");

  /** Forged response headers, by the request. */
  const answers = {
    "without Firelight's headers": () => ({}),
    "with the headers and signature of a small response": (request: IncomingMessage) => {
      const read = readRequestHead((name) => request.headers[name] as string | undefined);
      if ("malformed" in read) throw new Error(read.malformed);
      const body = codec.encode("small", "result");
      return { ...signedReply(read.head, key, "r1", { outcome: "ok", status: 200, body, timings }).headers };
    },
    "signed with another secret": (request: IncomingMessage) => {
      const read = readRequestHead((name) => request.headers[name] as string | undefined);
      if ("malformed" in read) throw new Error(read.malformed);
      const other = { id: "default", secret: "another secret" };
      return { ...signedReply(read.head, other, "r1", { outcome: "ok", status: 200, body: result, timings }).headers };
    },
  } satisfies Record<string, (request: IncomingMessage) => Record<string, string>>;

  test.each(Object.entries(answers))("%s fails the call with executed: unknown", async (_, headersFor) => {
    const server = createServer((request, response) => {
      const headers = headersFor(request);
      request
        .resume()
        .on("end", () => response.writeHead(200, { ...headers, "content-length": result.byteLength }).end(result));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { flame: parent } = parentOf([{ id: "r1", url }], { transport: "http" }, { maxBodyBytes: 1_000 });
    const { text } = parent.service("work", { text: async (length: number) => "x".repeat(length) });
    const error = await failureOf(text(1));
    expect(error).toMatchObject({ code: "payload_too_large", executed: "unknown", retryable: false });
    expect(error.message).toMatch(/its signature could not be checked\. The handler may have run\./);
  });
});
