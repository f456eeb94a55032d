import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ANY_RUNNER, header } from "../../src/contract/envelope.ts";
import type { RequestHead, ResponseHead } from "../../src/contract/envelope.ts";
import {
  newNonce,
  readRequestHead,
  readResponseHead,
  requestHeaders,
  responseHeaders,
} from "../../src/contract/headers.ts";
import { signRequest, signResponse, verifyRequest, verifyResponse } from "../../src/contract/signature.ts";

const key = { id: "default", secret: "correct horse battery staple" };
const body = Buffer.from("[]");
const minimal: RequestHead = {
  method: "billing/charge",
  invocationId: "inv-0001",
  attempt: 1,
  audience: ANY_RUNNER,
  keyId: "default",
  createdMs: 1_790_000_000_000,
  nonce: "AAAAAAAAAAAAAAAAAAAAAA",
  timeoutMs: 30_000,
};
const full: RequestHead = {
  ...minimal,
  method: "photos.v2/resize@large$_:-",
  idempotencyKey: "order 42",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  tracestate: "",
  baggage: "tenant=acme",
};
const response: ResponseHead = {
  nonce: minimal.nonce,
  invocationId: "inv-0001",
  attempt: 2,
  runnerId: "http://127.0.0.1:8080",
  keyId: "default",
  status: 504,
  outcome: "error",
  timings: { receivedMs: 1_790_000_000_003.25, sentMs: 1_790_000_000_017, queueMs: 0.5, handlerMs: 0, spans: 3 },
};

const from = (headers: Record<string, string | undefined>) => (name: string) => headers[name];
const problem = (read: object): string => ("malformed" in read ? String(read.malformed) : "accepted");

describe("the headers of a request", () => {
  it.each([minimal, full])("bring the head over whole", (head) => {
    const signature = signRequest(head, body, key);
    const read = readRequestHead(from(requestHeaders(head, signature)));
    expect(read).toEqual({ head, signature });
  });

  it("leave out what is absent and keep what is empty", () => {
    expect(Object.keys(requestHeaders(minimal, "s"))).not.toContain("baggage");
    expect(requestHeaders(full, "s")["tracestate"]).toBe("");
    const headers = new Headers(requestHeaders(minimal, signRequest(minimal, body, key)));
    expect(readRequestHead((name) => headers.get(name))).toMatchObject({ head: minimal });
  });

  it("round fractions and clamp what no header could say, as the signature does", () => {
    const head = { ...minimal, timeoutMs: 0.2, createdMs: 1_790_000_000_000.5 };
    const read = readRequestHead(from(requestHeaders(head, signRequest(head, body, key))));
    if ("malformed" in read) throw new Error(read.malformed);
    expect(read.head).toMatchObject({ timeoutMs: 1, createdMs: 1_790_000_000_001 });
    expect(verifyRequest(read.head, body, read.signature, key)).toBe(true);
    expect(requestHeaders({ ...minimal, timeoutMs: -5 }, "s")[header.timeoutMs]).toBe("0");
    expect(requestHeaders({ ...minimal, timeoutMs: Infinity }, "s")[header.timeoutMs]).toBe("999999999999999");
  });

  it("survive a real HTTP stack, empty values included", async () => {
    const signature = signRequest(full, body, key);
    const seen = Promise.withResolvers<ReturnType<typeof readRequestHead>>();
    const server = createServer((request, reply) => {
      seen.resolve(readRequestHead((name) => request.headers[name] as string | undefined));
      reply.setHeader("connection", "close").end();
    });
    await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
    try {
      const { port } = server.address() as AddressInfo;
      await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers: requestHeaders(full, signature), body });
      expect(await seen.promise).toEqual({ head: full, signature });
    } finally {
      server.close();
    }
  });

  const good = requestHeaders(full, signRequest(full, body, key));

  it.each(
    Object.values(header).filter(
      (name) => name in good && ![header.idempotencyKey, "traceparent", "tracestate", "baggage"].includes(name),
    ),
  )("are refused without %s", (name) => {
    expect(problem(readRequestHead(from({ ...good, [name]: undefined })))).toBe(`${name} is missing`);
    expect(problem(readRequestHead((wanted) => (wanted === name ? null : good[wanted])))).toBe(`${name} is missing`);
  });

  it.each([
    [
      header.method,
      [
        "",
        "charge",
        "/charge",
        "billing/",
        "a/b/c",
        "a b/c",
        "billing/chargé",
        "a/b\n",
        `${"a".repeat(129)}/b`,
        `a/${"b".repeat(129)}`,
      ],
    ],
    [header.invocationId, ["", "a b", "a\tb", "é", "a".repeat(129)]],
    [header.attempt, ["", "0", "-1", "1.5", "01", "1e3", "0x1", "+1", " 1", "1 ", "1\n", "١", "1".repeat(16), "NaN"]],
    [header.audience, ["", "a b", "a".repeat(513)]],
    [header.keyId, ["", "a b", "a".repeat(129)]],
    [header.createdMs, ["", "-1", "1790000000000.5", "01", "1".repeat(16), "now"]],
    [header.nonce, ["", "A".repeat(21), "A".repeat(23), `${"A".repeat(21)}=`, `${"A".repeat(21)}+`]],
    [header.timeoutMs, ["", "-1", "1.5", "1".repeat(16), "Infinity"]],
    [header.idempotencyKey, ["", " a", "a ", "a\nb", "ü", "a".repeat(256)]],
    [header.traceparent, ["é", "a".repeat(257)]],
    [header.tracestate, ["a\nb", "a".repeat(1025)]],
    [header.baggage, ["ключ=1", "a".repeat(8193)]],
    [
      header.signature,
      ["", "v1=", `v2=${"A".repeat(43)}`, `v1=${"A".repeat(42)}`, `v1=${"A".repeat(44)}`, `v1=${"A".repeat(42)}=`],
    ],
  ] as const)("are refused with a malformed %s", (name, values) => {
    for (const value of values)
      expect(problem(readRequestHead(from({ ...good, [name]: value })))).toBe(`${name} is malformed`);
  });

  it("are refused in another version, which is named", () => {
    expect(problem(readRequestHead(from({ ...good, [header.version]: "2" })))).toMatch(
      /x-flame-version is 2, and this side speaks 1/,
    );
    expect(problem(readRequestHead(from({ ...good, [header.version]: "1.0" })))).toBe("x-flame-version is malformed");
  });

  it("are never quoted when they are malformed", () => {
    expect(problem(readRequestHead(from({ ...good, [header.keyId]: "top secret" })))).not.toContain("secret");
  });

  it("have one spelling: whatever is accepted is what would be sent again", () => {
    const digits = fc.string({ unit: fc.constantFrom("0", "1", "9", ".", "e", "-"), maxLength: 5 });
    fc.assert(
      fc.property(digits, digits, digits, (attempt, created, timeout) => {
        const headers = {
          ...good,
          [header.attempt]: attempt,
          [header.createdMs]: created,
          [header.timeoutMs]: timeout,
        };
        const read = readRequestHead(from(headers));
        if (!("malformed" in read)) expect(requestHeaders(read.head, read.signature)).toEqual(headers);
      }),
    );
  });

  it("are refused quickly however long they are", () => {
    const long = "a ".repeat(5_000_000);
    const started = performance.now();
    for (const name of Object.keys(good))
      expect(problem(readRequestHead(from({ ...good, [name]: long })))).toContain("malformed");
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe("the headers of a response", () => {
  const good = responseHeaders(response, signResponse(response, body, key));

  it("bring the head over whole", () => {
    expect(readResponseHead(from(good), 504)).toEqual({ head: response, signature: good[header.signature] });
  });

  it("carry a signature that another status breaks", () => {
    const read = readResponseHead(from(good), 200);
    if ("malformed" in read) throw new Error(read.malformed);
    expect(verifyResponse(read.head, body, read.signature, key)).toBe(false);
    expect(verifyResponse({ ...read.head, status: 504 }, body, read.signature, key)).toBe(true);
  });

  it("are refused when one is missing", () => {
    for (const name of Object.keys(good))
      expect(problem(readResponseHead(from({ ...good, [name]: undefined }), 200))).toBe(`${name} is missing`);
  });

  it.each([
    "received=1;sent=1;queue=1;handler=1",
    "received=1;sent=1;queue=1;handler=1;spans=1;more=1",
    "sent=1;received=1;queue=1;handler=1;spans=1",
    "received=1;sent=1;queue=1;handler=1;spans=1.5",
    "received=1;sent=1;queue=1.50;handler=1;spans=1",
    "received=1;sent=1;queue=1.;handler=1;spans=1",
    "received=1;sent=1;queue=.5;handler=1;spans=1",
    "received=1;sent=1;queue=1.2345;handler=1;spans=1",
    "received=1;sent=1;queue=-1;handler=1;spans=1",
    "received=1;sent=01;queue=1;handler=1;spans=1",
    "received=NaN;sent=1;queue=1;handler=1;spans=1",
    "received=1;sent=1;queue=1e3;handler=1;spans=1",
    `received=${"1".repeat(300)};sent=1;queue=1;handler=1;spans=1`,
  ])("are refused with the timings %s", (timings) => {
    expect(problem(readResponseHead(from({ ...good, [header.timings]: timings }), 200))).toBe(
      "x-flame-timings is malformed",
    );
  });

  it("are refused with an outcome that is neither", () => {
    expect(problem(readResponseHead(from({ ...good, [header.outcome]: "maybe" }), 200))).toBe(
      "x-flame-outcome is malformed",
    );
  });

  it("carry any measured timings so that the signature holds", () => {
    const span = fc.double({ min: 0, max: 86_400_000, noNaN: true });
    const clock = fc.double({ min: 1_500_000_000_000, max: 4_000_000_000_000, noNaN: true });
    fc.assert(
      fc.property(clock, clock, span, span, fc.nat(), (receivedMs, sentMs, queueMs, handlerMs, spans) => {
        const head = { ...response, timings: { receivedMs, sentMs, queueMs, handlerMs, spans } };
        const read = readResponseHead(from(responseHeaders(head, signResponse(head, body, key))), head.status);
        if ("malformed" in read) throw new Error(read.malformed);
        expect(verifyResponse(read.head, body, read.signature, key)).toBe(true);
        expect(Math.abs(read.head.timings.queueMs - queueMs)).toBeLessThanOrEqual(0.001);
        expect(Math.abs(read.head.timings.receivedMs - receivedMs)).toBeLessThanOrEqual(0.001);
      }),
    );
  });
});

describe("a nonce", () => {
  it("is 22 characters of base64url and never the same twice", () => {
    const nonces = Array.from({ length: 2_000 }, newNonce);
    for (const nonce of nonces) expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it("uses every one of its 128 bits", () => {
    const seen = Buffer.alloc(16);
    for (let count = 0; count < 200; count++)
      Buffer.from(newNonce(), "base64url").forEach((byte, at) => (seen[at]! |= byte));
    expect(seen).toEqual(Buffer.alloc(16, 0xff));
  });
});

it("every header of the wire is in the protocol", () => {
  const protocol = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  for (const name of Object.values(header)) expect(protocol).toContain(`\`${name}\``);
});
