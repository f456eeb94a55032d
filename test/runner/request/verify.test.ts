import { describe, expect, test } from "vitest";
import { requestHeaders } from "../../../src/contract/wire/headers.ts";
import { HEARTBEAT_METHOD } from "../../../src/contract/wire/heartbeat.ts";
import { askingAudience, type InstanceNote, withInstance } from "../../../src/contract/wire/instance.ts";
import { makeKeyring } from "../../../src/contract/wire/signature.ts";
import { Freshness } from "../../../src/runner/request/freshness.ts";
import { makeVerifier } from "../../../src/runner/request/verify.ts";
import { waitFor } from "../../harness/wait-for.ts";
import {
  codec,
  errorOf,
  key,
  openRequest,
  send,
  sign,
  type SignedRequest,
  type StartOptions,
  startRunner,
  type TestRunner,
  verifiedHead,
} from "../runner-client.ts";

let runs = 0;
const count = (): number => (runs += 1);

const start = (more: StartOptions = {}): Promise<TestRunner> => startRunner({ handlers: { count }, ...more });

/** The reasons of the rejections that were reported. */
const reasons = (runner: TestRunner): Array<string> =>
  runner.events.flatMap((event) => (event._tag === "SignatureRejected" ? [event.reason] : []));

const expectNotRun = async (work: () => Promise<void>): Promise<void> => {
  const before = runs;
  await work();
  expect(runs).toBe(before);
};

describe("request verification", () => {
  test("runs a signed request and signs the response, bound to the request's nonce", async () => {
    const runner = await start();
    const request = sign("test/count", []);
    const reply = await send(runner, request);
    expect(reply.status).toBe(200);
    expect(verifiedHead(reply)).toMatchObject({
      nonce: request.head.nonce,
      invocationId: "inv-1",
      attempt: 1,
      outcome: "ok",
      runnerId: runner.server.runnerId,
    });
    for (const other of [{ nonce: "A".repeat(22) }, { invocationId: "inv-2" }, { attempt: 2 }]) {
      expect(() => verifiedHead({ ...reply, request: { ...reply.request, ...other } })).toThrow("signature");
    }
    expect(() => verifiedHead({ ...reply, status: 201 })).toThrow("signature");
  });

  test("rejects an unsigned request", () =>
    expectNotRun(async () => {
      const runner = await start();
      const response = await fetch(`${runner.server.url}/invoke`, {
        method: "POST",
        body: "[]",
        headers: { "content-type": "application/json" },
      });
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: "signature_error", executed: "no", retryable: false });
      expect(response.headers.get("x-flame-signature")).toBeNull();
      expect(reasons(runner)).toEqual(["malformed"]);
    }));

  test.each(["1", "3"])("rejects the unknown wire version %s", (version) =>
    expectNotRun(async () => {
      const runner = await start();
      const request = sign("test/count", []);
      const line = (request.headers["x-flame-request"] ?? "").replace(/^2 /, `${version} `);
      const reply = await send(runner, request, { headers: { "x-flame-request": line } });
      expect(reply.status).toBe(400);
      expect(errorOf(reply).message).toContain(
        `x-flame-request has version ${version}, but this side uses 2: run the same version of firelight on both sides`,
      );
      expect(reply.headers.get("x-flame-signature")).toBeNull();
      expect(reasons(runner)).toEqual(["malformed"]);
    }),
  );

  test("names every likely cause of an invalid signature", async () => {
    const runner = await start();
    const reply = await send(runner, sign("test/count", [], {}, { ...key, secret: "another" }));
    const { message } = errorOf(reply);
    for (const cause of ["FLAME_SECRET", "key id", "proxy", "mesh", "x-flame-*"]) expect(message).toContain(cause);
  });

  test("does not reveal to the caller whether the key or the signature was wrong, but reports the reason", () =>
    expectNotRun(async () => {
      const runner = await start();
      const wrongKey = await send(runner, sign("test/count", [], {}, { id: "other", secret: key.secret }));
      const wrongSecret = await send(runner, sign("test/count", [], {}, { id: key.id, secret: "guess" }));
      const wrongBody = await send(runner, sign("test/count", []), { body: Buffer.from('{"json":[1]}') });
      for (const reply of [wrongKey, wrongSecret, wrongBody]) {
        expect(reply.status).toBe(401);
        expect(reply.text).toBe(wrongKey.text);
        expect(reply.headers.get("x-flame-signature")).toBeNull();
      }
      expect(reasons(runner)).toEqual(["unknown_key", "mismatch", "mismatch"]);
      expect(runner.events[0]).toMatchObject({ detail: expect.stringContaining('"other"') });
    }));

  test.each([
    ["method", { method: "test/other" }],
    ["invocation id", { invocationId: "inv-2" }],
    ["attempt", { attempt: 2 }],
    ["audience", { audience: "someone" }],
    ["created time", { createdMs: Date.now() + 1_000 }],
    ["nonce", { nonce: "A".repeat(22) }],
    ["timeout", { timeoutMs: 7 }],
    ["idempotency key", { idempotencyKey: "7" }],
    ["traceparent", { traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01` }],
    ["tracestate", { tracestate: "a=b" }],
    ["baggage", { baggage: "a=b" }],
  ])("rejects a request whose %s was changed", (_field, change) =>
    expectNotRun(async () => {
      const runner = await start();
      const request = sign("test/count", []);
      const headers = requestHeaders({ ...request.head, ...change }, request.headers["x-flame-signature"] ?? "");
      const reply = await send(runner, request, { headers });
      expect(reply.status).toBe(401);
      expect(reasons(runner)).toEqual(["mismatch"]);
    }),
  );

  test("rejects a request with a malformed x-flame-request header, in an unsigned response", () =>
    expectNotRun(async () => {
      const runner = await start();
      const request = sign("test/count", []);
      const line = `${request.headers["x-flame-request"]} more`;
      const reply = await send(runner, request, { headers: { "x-flame-request": line } });
      expect(reply.status).toBe(400);
      expect(errorOf(reply)).toMatchObject({ code: "signature_error", executed: "no", retryable: false });
      expect(reply.headers.get("x-flame-signature")).toBeNull();
      expect(reply.headers.get("x-flame-response")).toBeNull();
      expect(reasons(runner)).toEqual(["malformed"]);
    }));

  test("rejects an expired request and says by how much and in which direction the clocks differ", () =>
    expectNotRun(async () => {
      const runner = await start({ config: { security: { secret: key.secret, windowMs: 1_000 } } });
      const late = errorOf(await send(runner, sign("test/count", [], { createdMs: Date.now() - 90_000 })));
      const early = errorOf(await send(runner, sign("test/count", [], { createdMs: Date.now() + 90_000 })));
      expect(late.message).toMatch(/signed 9\d{4} ms before this runner's clock; 1000 ms/);
      expect(early.message).toMatch(/signed (89|90)\d{3} ms after this runner's clock/);
      expect(reasons(runner)).toEqual(["expired", "expired"]);
    }));

  test("runs identical requests once, even if they arrive concurrently", async () => {
    const runner = await start();
    const before = runs;
    const request = sign("test/count", []);
    const replies = await Promise.all(Array.from({ length: 8 }, () => send(runner, request)));
    expect(runs).toBe(before + 1);
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    expect(reasons(runner)).toEqual(Array(7).fill("replay"));
    const refused = replies.find((reply) => reply.status === 401);
    expect(
      refused?.headers.get("x-flame-signature"),
      "a signed rejection could be passed to the parent instead of the real response",
    ).toBeNull();
  });

  test("rejects a request, unsigned and retryable, when the nonce cache is full", async () => {
    const verify = makeVerifier({
      keyring: makeKeyring(key, []),
      maxBodyBytes: 1_000,
      runnerId: "runner-7",
      checkAudience: true,
      freshness: new Freshness({ windowMs: 60_000, capacity: 1, onClockStep: () => {} }),
    });
    const arrive = (request: SignedRequest) =>
      verify({
        arrivedAt: performance.now(),
        header: (name) => request.headers[name] ?? null,
        readBody: () => Promise.resolve(request.body),
        verified: () => {},
        onDisconnect: () => () => {},
      });
    const first = sign("test/count", []);
    expect(await arrive(first)).toMatchObject({ _tag: "Verified" });
    expect(await arrive(sign("test/count", []))).toMatchObject({
      status: 503,
      error: { code: "unavailable", executed: "no", retryAfterMs: 60_000 },
      reason: undefined,
      signer: undefined,
    });
    expect(await arrive(first), "a replay is detected even if the cache is full").toMatchObject({
      status: 401,
      reason: "replay",
      signer: undefined,
    });
  });

  test("does not use up the nonce of a request with an invalid signature", async () => {
    const runner = await start();
    const request = sign("test/count", []);
    await send(runner, request, { body: Buffer.from("forged") });
    expect((await send(runner, request)).status).toBe(200);
  });

  describe("of requests that name an instance of the runner", () => {
    const other = "A".repeat(22);
    const instanceOf = async (runner: TestRunner): Promise<InstanceNote> => {
      const reply = await send(runner, sign(HEARTBEAT_METHOD, [], { audience: askingAudience("*") }));
      expect(reply.status).toBe(200);
      expect(verifiedHead(reply).outcome).toBe("ok");
      return (codec.decode(reply.body, "heartbeat") as { instance: InstanceNote }).instance;
    };
    const naming = ({ id, nowMs }: InstanceNote, moreMs = 0): SignedRequest =>
      sign("test/count", [], { audience: withInstance("*", id, nowMs + moreMs) });

    test("runs a request that names this instance once, regardless of its sender's clock", async () => {
      const runner = await start();
      const before = runs;
      const { id, nowMs } = await instanceOf(runner);
      const audience = withInstance(withInstance("*", other, 7), id, nowMs);
      const request = sign("test/count", [], { audience, createdMs: Date.now() - 3_600_000 });
      expect((await send(runner, request)).status).toBe(200);
      const again = await send(runner, request);
      expect(again.status).toBe(401);
      expect(again.headers.get("x-flame-signature")).toBeNull();
      expect(reasons(runner)).toEqual(["replay"]);
      expect(runs).toBe(before + 1);
    });

    test("rejects a request for another instance, names itself in a signed response, and runs a request that names it", async () => {
      const runner = await start();
      const before = runs;
      const reply = await send(runner, naming({ id: other, nowMs: 0 }));
      expect(reply.status).toBe(503);
      expect(verifiedHead(reply).outcome).toBe("error");
      expect(errorOf(reply)).toMatchObject({ code: "unavailable", executed: "no", retryable: true });
      expect(reasons(runner)).toEqual(["instance"]);
      expect(runs).toBe(before);
      expect((await send(runner, naming(errorOf(reply).instance!))).status).toBe(200);
      expect(runs).toBe(before + 1);
    });

    test("does not run a request that asks for the instance", () =>
      expectNotRun(async () => {
        const runner = await start({ env: { FLAME_RUNNER_ID: "runner-7" } });
        const reply = await send(runner, sign("test/count", [], { audience: askingAudience("runner-7") }));
        expect(reply.status).toBe(503);
        expect(verifiedHead(reply).outcome).toBe("error");
        expect(errorOf(reply)).toMatchObject({ executed: "no", instance: { id: expect.any(String) } });
        const elsewhere = await send(runner, sign(HEARTBEAT_METHOD, [], { audience: askingAudience("runner-8") }));
        expect(errorOf(elsewhere)).toMatchObject({ code: "signature_error", executed: "no" });
      }));

    test("returns its instance in a signed response to a late request, and an unsigned response to an early one", () =>
      expectNotRun(async () => {
        const runner = await start();
        const now = await instanceOf(runner);
        const short = await start({ config: { security: { secret: key.secret, windowMs: 200 } } });
        const shortNow = await instanceOf(short);
        await waitFor(async () => (await instanceOf(short)).nowMs > 300, { what: "the window to pass" });
        const late = await send(short, naming({ id: shortNow.id, nowMs: 0 }));
        expect(verifiedHead(late).outcome).toBe("error");
        expect(errorOf(late)).toMatchObject({ code: "unavailable", executed: "no", instance: { id: shortNow.id } });
        const ahead = await send(runner, naming(now, 90_000));
        expect(ahead.status).toBe(401);
        expect(ahead.headers.get("x-flame-signature")).toBeNull();
        expect(reasons(runner)).toEqual(["expired"]);
      }));
  });

  test("rejects, unsigned, a request that was created before the runner started and names no instance", () =>
    expectNotRun(async () => {
      const createdMs = Date.now() - 1_000;
      const runner = await start();
      const reply = await send(runner, sign("test/count", [], { createdMs }));
      expect(reply.status).toBe(503);
      expect(reply.headers.get("x-flame-signature"), "the previous process may have run it").toBeNull();
      expect(errorOf(reply)).toMatchObject({
        code: "unavailable",
        message: expect.stringMatching(/\d+ ms before runner/),
      });
      expect(errorOf(reply).retryAfterMs).toBeGreaterThanOrEqual(1_000);
      expect(reasons(runner)).toEqual(["instance"]);
      expect((await send(runner, sign(HEARTBEAT_METHOD, [], { createdMs }))).text).toBe('{"json":null}');
    }));

  test("rejects another runner's id as the audience when its own id is configured", () =>
    expectNotRun(async () => {
      const runner = await start({ env: { FLAME_RUNNER_ID: "runner-7" } });
      const reply = await send(runner, sign("test/count", [], { audience: "runner-8" }));
      expect(reply.status).toBe(401);
      expect(verifiedHead(reply)).toMatchObject({ runnerId: "runner-7", outcome: "error" });
      expect(errorOf(reply)).toMatchObject({
        code: "signature_error",
        executed: "no",
        message: expect.stringContaining("runner-8"),
      });
    }));

  test("accepts its own id and * as the audience, and any audience when its id was generated", async () => {
    const named = await start({ options: { runnerId: "runner-7" } });
    expect((await send(named, sign("test/count", [], { audience: "runner-7" }))).status).toBe(200);
    expect((await send(named, sign("test/count", [], { audience: "*" }))).status).toBe(200);
    const nameless = await start();
    expect((await send(nameless, sign("test/count", [], { audience: "whoever" }))).status).toBe(200);
  });

  test("signs the response with the key of the request", async () => {
    const old = { id: "old", secret: "the secret before" };
    const runner = await start({ config: { security: { secret: key.secret, acceptKeys: [old] } } });
    expect(verifiedHead(await send(runner, sign("test/count", [], {}, old)), old).keyId).toBe("old");
  });

  test("rejects all requests when no secret is configured, and logs once what to set", () =>
    expectNotRun(async () => {
      const runner = await start({ config: { security: {} } });
      for (const _ of [1, 2]) {
        const reply = await send(runner, sign("test/count", []));
        expect(reply.status).toBe(500);
        expect(errorOf(reply)).toMatchObject({
          code: "config_error",
          executed: "no",
          message: expect.stringContaining("FLAME_SECRET"),
        });
      }
      expect(runner.logs.filter((log) => log.level === "error")).toHaveLength(1);
    }));
});

describe("the body of a request", () => {
  const small = { options: { maxBodyBytes: 1_000 } } as const;

  test("is rejected by its declared length before any of it is read", async () => {
    const runner = await start(small);
    const { request, answered } = openRequest(runner, {
      ...sign("test/count", []).headers,
      "content-length": "1000000000",
    });
    request.flushHeaders();
    const answer = await answered;
    request.destroy();
    expect(answer.status).toBe(413);
    expect(answer.connection).toBe("close");
    expect(JSON.parse(answer.text)).toMatchObject({
      code: "payload_too_large",
      executed: "no",
      message: expect.stringMatching(/1000000000 bytes; the limit of this runner is 1000\b/),
    });
  });

  test("is rejected as soon as its chunks exceed the limit", async () => {
    const runner = await start(small);
    const { request, answered } = openRequest(runner, {
      ...sign("test/count", []).headers,
      "transfer-encoding": "chunked",
    });
    request.write("x".repeat(600));
    request.write("x".repeat(600));
    const answer = await answered;
    request.destroy();
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "payload_too_large" });
  });

  test("is accepted in chunks under the limit", async () => {
    const runner = await start(small);
    const signed = sign("test/count", ["in pieces"]);
    const { request, answered } = openRequest(runner, { ...signed.headers, "transfer-encoding": "chunked" });
    request.write(signed.body.subarray(0, 5));
    request.end(signed.body.subarray(5));
    expect((await answered).status).toBe(200);
  });

  test.each([
    ["content-encoding", "gzip"],
    ["content-type", "text/plain"],
  ])("is rejected with %s %s", async (name, value) => {
    const runner = await start();
    const reply = await send(runner, sign("test/count", []), { headers: { [name]: value } });
    expect(reply.status).toBe(415);
    expect(errorOf(reply).message).toContain(value);
  });

  test("that is signed but cannot be decoded is a serialization_error, unexecuted", () =>
    expectNotRun(async () => {
      const runner = await start();
      const reply = await send(runner, sign("test/count", { not: "an array" } as never));
      expect(reply.status).toBe(400);
      expect(verifiedHead(reply).outcome).toBe("error");
      expect(errorOf(reply)).toMatchObject({ code: "serialization_error", executed: "no", retryable: false });
    }));
});
