import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ANY_RUNNER, header, type RequestHead, type ResponseHead } from "../../../src/contract/wire/envelope.ts";
import {
  newNonce,
  readRequestHead,
  readResponseHead,
  requestHeaders,
  requestLine,
  responseHeaders,
  responseLine,
} from "../../../src/contract/wire/headers.ts";
import { signRequest, signResponse, verifyRequest, verifyResponse } from "../../../src/contract/wire/signature.ts";

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

const asked = { nonce: response.nonce, invocationId: response.invocationId, attempt: response.attempt };

const from = (headers: Record<string, string | undefined>) => (name: string) => headers[name];
const problem = (read: object): string => ("malformed" in read ? String(read.malformed) : "accepted");

describe("request headers", () => {
  test.each([minimal, full, { ...full, detached: true as const }])("encode and decode the whole head", (head) => {
    const signature = signRequest(head, body, key);
    const read = readRequestHead(from(requestHeaders(head, signature)));
    expect(read).toEqual({ head, line: requestLine(head), signature });
  });

  test("omit absent fields and keep empty ones", () => {
    expect(Object.keys(requestHeaders(minimal, "s"))).toEqual([header.request, header.signature]);
    expect(requestHeaders(full, "s")[header.tracestate]).toBe("");
    const headers = new Headers(requestHeaders(minimal, signRequest(minimal, body, key)));
    expect(readRequestHead((name) => headers.get(name))).toMatchObject({ head: minimal });
  });

  test("repeat trace context under its standard names if both copies fit the header limits of servers", () => {
    const carrier = { traceparent: full.traceparent, tracestate: "rojo=1", baggage: "tenant=acme" };
    expect(requestHeaders({ ...minimal, ...carrier }, "s")).toMatchObject(carrier);
    const longest = { ...minimal, baggage: "b".repeat(8_192) };
    expect(requestHeaders(longest, "s")).not.toHaveProperty("baggage");
    expect(requestHeaders(longest, "s")[header.baggage]).toBe(longest.baggage);
  });

  test("round fractions and clamp out-of-range numbers, consistently with the signature", () => {
    const head = { ...minimal, timeoutMs: 0.2, createdMs: 1_790_000_000_000.5 };
    const read = readRequestHead(from(requestHeaders(head, signRequest(head, body, key))));
    if ("malformed" in read) throw new Error(read.malformed);
    expect(read.head).toMatchObject({ timeoutMs: 1, createdMs: 1_790_000_000_001 });
    expect(verifyRequest(read.head, body, read.signature, key)).toBe(true);
    for (const [timeoutMs, text] of [
      [-5, "0"],
      [NaN, "0"],
      [1e16, "3999999999999999"],
      [Infinity, "3999999999999999"],
    ] as const) {
      const headers = requestHeaders({ ...minimal, timeoutMs }, signRequest({ ...minimal, timeoutMs }, body, key));
      expect(headers[header.request]).toMatch(new RegExp(` ${text}$`));
      expect(readRequestHead(from(headers))).toMatchObject({ head: { timeoutMs: Number(text) } });
    }
  });

  test("pass through a real HTTP stack unchanged, including empty values", async () => {
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
      expect(await seen.promise).toEqual({ head: full, line: requestLine(full), signature });
    } finally {
      server.close();
    }
  });

  const good = requestHeaders(full, signRequest(full, body, key));

  const line = requestLine(full).split(" ");
  const withField = (at: number, value: string) => ({ ...good, [header.request]: line.with(at, value).join(" ") });

  test.each([header.request, header.signature])("are rejected without %s", (name) => {
    expect(problem(readRequestHead(from({ ...good, [name]: undefined })))).toBe(`${name} is missing`);
    expect(problem(readRequestHead((wanted) => (wanted === name ? null : good[wanted])))).toBe(`${name} is missing`);
  });

  const noNumber = ["", "-1", "1.5", "01", "00", "1e3", "0x1", "+1", "1_0", "١", "NaN", "Infinity"];
  const tooLarge = ["4000000000000000", "9007199254740993", "1".repeat(17)];

  test.each([
    [
      "method",
      1,
      [
        "",
        "charge",
        "/charge",
        "billing/",
        "a/b/c",
        "a b/c",
        "billing/chargé",
        `${"a".repeat(129)}/b`,
        `a/${"b".repeat(129)}`,
      ],
    ],
    ["invocation id", 2, ["", "a b", "a\tb", "a\u00a0b", "a\nb", "é", "a".repeat(129)]],
    ["attempt", 3, [...noNumber, "0", "1".repeat(10)]],
    ["audience", 4, ["", "a b", "\u007f", "a".repeat(513)]],
    ["key id", 5, ["", "a b", "a".repeat(129)]],
    ["created time", 6, [...noNumber, ...tooLarge]],
    ["nonce", 7, ["", "A".repeat(21), "A".repeat(23), `${"A".repeat(21)}=`, `${"A".repeat(21)}+`]],
    ["timeout", 8, [...noNumber, ...tooLarge]],
  ] as const)("are rejected with a malformed %s", (_field, at, values) => {
    for (const value of values)
      expect(problem(readRequestHead(from(withField(at, value)))), value).toBe("x-flame-request is malformed");
  });

  test("are rejected with extra or missing fields, different whitespace, or text around the line", () => {
    const whole = line.join(" ");
    const others = [
      "",
      " ",
      ...line.map((_field, at) => line.toSpliced(at, 1).join(" ")),
      ...line.map((_field, at) => line.toSpliced(at, 0, "2").join(" ")),
      ...line.slice(1).map((_field, at) => line.with(at, `${line[at]} `).join(" ")),
      whole.replaceAll(" ", "\t"),
      ` ${whole}`,
      `${whole} `,
      `${whole}\n`,
      `\n${whole}`,
      `${whole}, ${whole}`,
    ];
    for (const other of others)
      expect(problem(readRequestHead(from({ ...good, [header.request]: other }))), other).toBe(
        "x-flame-request is malformed",
      );
  });

  test.each([
    [header.idempotencyKey, ["", " a", "a ", "a\nb", "ü", "a".repeat(256)]],
    [header.traceparent, ["é", "a".repeat(257)]],
    [header.tracestate, ["a\nb", "a\n", "a".repeat(1025)]],
    [header.baggage, ["ключ=1", "a".repeat(8193)]],
    [
      header.signature,
      ["", "v2=", `v1=${"A".repeat(43)}`, `v2=${"A".repeat(42)}`, `v2=${"A".repeat(44)}`, `v2=${"A".repeat(42)}=`],
    ],
  ] as const)("are rejected with a malformed %s", (name, values) => {
    for (const value of values)
      expect(problem(readRequestHead(from({ ...good, [name]: value })))).toBe(`${name} is malformed`);
  });

  test('mark a detached call with the exact word "detached" as the tenth field', () => {
    const detached = requestHeaders({ ...full, detached: true }, good[header.signature]!);
    expect(detached).toEqual({ ...good, [header.request]: `${line.join(" ")} detached` });
    for (const other of ["Detached", "detached ", " detached", "1", "true", "detached detached", "attached"])
      expect(problem(readRequestHead(from({ ...good, [header.request]: `${line.join(" ")} ${other}` }))), other).toBe(
        "x-flame-request is malformed",
      );
  });

  test("accept every field at its maximum length", () => {
    const longest: RequestHead = {
      method: `${"a".repeat(128)}/${"b".repeat(128)}`,
      invocationId: "~".repeat(128),
      attempt: 999_999_999,
      audience: "!".repeat(512),
      keyId: "k".repeat(128),
      createdMs: 3_999_999_999_999_999,
      nonce: "-".repeat(22),
      timeoutMs: 3_999_999_999_999_999,
      idempotencyKey: "i".repeat(255),
      traceparent: "t".repeat(256),
      tracestate: "s".repeat(1024),
      baggage: "b".repeat(8192),
    };
    const signature = signRequest(longest, body, key);
    expect(readRequestHead(from(requestHeaders(longest, signature)))).toEqual({
      head: longest,
      line: requestLine(longest),
      signature,
    });
  });

  test("are rejected in another version, which the error names", () => {
    expect(problem(readRequestHead(from(withField(0, "1"))))).toMatch(
      /x-flame-request has version 1, but this side uses 2/,
    );
    expect(problem(readRequestHead(from({ ...good, [header.request]: "1 something else" })))).toContain("version 1");
    expect(problem(readRequestHead(from(withField(0, "2.0"))))).toBe("x-flame-request is malformed");
  });

  test("are not quoted in the error when they are malformed", () => {
    expect(problem(readRequestHead(from(withField(5, "top secret"))))).not.toContain("secret");
    expect(problem(readRequestHead(from(withField(0, "secret"))))).not.toContain("secret");
  });

  test("are canonical: accepted headers are encoded again to the same text", () => {
    const text = fc.string({ unit: fc.constantFrom("0", "1", "9", ".", "e", "-", " ", "a", "/"), maxLength: 5 });
    const digits = fc.bigInt(0n, 10n ** 17n).map(String);
    const field = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.oneof(text, digits));
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 3 }), (changes) => {
        const changed = changes.reduce((fields, [at, value]) => fields.with(at, value), line).join(" ");
        const headers = { ...good, [header.request]: changed };
        const read = readRequestHead(from(headers));
        if (!("malformed" in read)) expect(requestHeaders(read.head, read.signature)).toEqual(headers);
      }),
    );
  });

  test("are unambiguous: fields that are empty or contain a space are never read as other fields", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "1", " ", "/"), maxLength: 4 });
    fc.assert(
      fc.property(text, text, text, text, (method, invocationId, audience, keyId) => {
        const head = { ...minimal, method, invocationId, audience, keyId };
        const read = readRequestHead(from(requestHeaders(head, signRequest(head, body, key))));
        if (!("malformed" in read)) expect(read.head).toEqual(head);
      }),
    );
  });

  test("are rejected quickly, however long they are", () => {
    const long = ["a ", "2", "2 ", "a/", `${line.slice(0, 8).join(" ")} `].map((part) =>
      part.repeat(5_000_000 / part.length),
    );
    const started = performance.now();
    for (const name of Object.values(header).filter((known) => good[known] !== undefined))
      for (const value of long)
        expect(problem(readRequestHead(from({ ...good, [name]: value })))).toContain("malformed");
    // A pattern that takes quadratic time would need hours.
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});

describe("response headers", () => {
  const good = responseHeaders(response, signResponse(response, body, key));
  const line = responseLine(response).split(" ");
  const withField = (at: number, value: string) => ({ ...good, [header.response]: line.with(at, value).join(" ") });

  test("encode and decode the whole head", () => {
    expect(readResponseHead(from(good), 504, asked)).toEqual({
      head: response,
      line: responseLine(response),
      signature: good[header.signature],
    });
  });

  test("are two, and do not repeat fields of the request", () => {
    expect(Object.keys(good)).toEqual([header.response, header.signature]);
    expect(good[header.response]).toBe(
      "2 error http://127.0.0.1:8080 default 1790000000003250 1790000000017000 500 0 3",
    );
  });

  test("have a signature that is invalid with another status", () => {
    const read = readResponseHead(from(good), 200, asked);
    if ("malformed" in read) throw new Error(read.malformed);
    expect(verifyResponse(read.head, body, read.signature, key)).toBe(false);
    expect(verifyResponse({ ...read.head, status: 504 }, body, read.signature, key)).toBe(true);
  });

  test.each([{ nonce: "B".repeat(22) }, { invocationId: "inv-0002" }, { attempt: 1 }])(
    "have a signature that is invalid for a request with %j",
    (other) => {
      const read = readResponseHead(from(good), 504, { ...asked, ...other });
      if ("malformed" in read) throw new Error(read.malformed);
      expect(verifyResponse(read.head, body, read.signature, key)).toBe(false);
    },
  );

  test("are rejected if one is missing", () => {
    for (const name of Object.keys(good))
      expect(problem(readResponseHead(from({ ...good, [name]: undefined }), 200, asked))).toBe(`${name} is missing`);
  });

  const noNumber = ["", "-1", "1.5", "01", "00", "1e3", "+1", "NaN", "4000000000000000", "1".repeat(17)];

  test.each([
    ["outcome", 1, ["", "maybe", "OK", "okerror"]],
    ["runner id", 2, ["", "a b", "é", "a".repeat(513)]],
    ["key id", 3, ["", "a b", "a".repeat(129)]],
    ["received time", 4, noNumber],
    ["sent time", 5, noNumber],
    ["queue time", 6, noNumber],
    ["handler time", 7, noNumber],
    ["span count", 8, noNumber],
  ] as const)("are rejected with a malformed %s", (_field, at, values) => {
    for (const value of values)
      expect(problem(readResponseHead(from(withField(at, value)), 200, asked)), value).toBe(
        "x-flame-response is malformed",
      );
  });

  test("have the runner's unsent and failed span counts as two optional fields", () => {
    const exported = { unsent: 14, failed: 3 };
    const head = { ...response, timings: { ...response.timings, exported } };
    const headers = responseHeaders(head, good[header.signature]!);
    expect(headers[header.response]).toBe(`${line.join(" ")} 14 3`);
    expect(readResponseHead(from(headers), 504, asked)).toMatchObject({ head: { timings: { exported } } });
    for (const end of ["", " ", " 1", " 1 ", " 1 x", " 01 1", " 1 1 1", "  1 1", " -1 1"]) {
      const read = readResponseHead(from({ ...good, [header.response]: `${line.join(" ")}${end}` }), 504, asked);
      expect("malformed" in read, end).toBe(end !== "");
    }
  });

  test("are rejected with extra or missing fields, a malformed signature, or another version", () => {
    const whole = line.join(" ");
    for (const other of [
      "",
      line.slice(1).join(" "),
      `${whole} 1`,
      `${whole} `,
      `${whole}\n`,
      ` ${whole}`,
      `${whole}, ${whole}`,
    ])
      expect(problem(readResponseHead(from({ ...good, [header.response]: other }), 200, asked))).toBe(
        "x-flame-response is malformed",
      );
    expect(problem(readResponseHead(from({ ...good, [header.signature]: "v2=" }), 200, asked))).toBe(
      "x-flame-signature is malformed",
    );
    expect(problem(readResponseHead(from(withField(0, "1")), 200, asked))).toContain("x-flame-response has version 1");
  });

  test("are canonical: accepted headers are encoded again to the same text", () => {
    const digits = fc.oneof(
      fc.string({ unit: fc.constantFrom("0", "1", "9"), maxLength: 17 }),
      fc.bigInt(0n, 5n * 10n ** 15n).map(String),
    );
    fc.assert(
      fc.property(fc.array(digits, { minLength: 5, maxLength: 8 }), (times) => {
        const headers = { ...good, [header.response]: [...line.slice(0, 4), ...times].join(" ") };
        const read = readResponseHead(from(headers), 504, asked);
        if (!("malformed" in read)) expect(responseHeaders(read.head, read.signature)).toEqual(headers);
      }),
      { numRuns: 500 },
    );
  });

  test("encode any timings so that the signature stays valid", () => {
    const span = fc.double({ min: 0, max: 86_400_000, noNaN: true });
    const clock = fc.double({ min: 0, max: 3_999_999_999_999, noNaN: true });
    fc.assert(
      fc.property(clock, clock, span, span, fc.nat(), (receivedMs, sentMs, queueMs, handlerMs, spans) => {
        const head = { ...response, timings: { receivedMs, sentMs, queueMs, handlerMs, spans } };
        const read = readResponseHead(from(responseHeaders(head, signResponse(head, body, key))), head.status, asked);
        if ("malformed" in read) throw new Error(read.malformed);
        expect(verifyResponse(read.head, body, read.signature, key)).toBe(true);
        expect(Math.abs(read.head.timings.queueMs - queueMs)).toBeLessThanOrEqual(0.001);
        expect(Math.abs(read.head.timings.receivedMs - receivedMs)).toBeLessThanOrEqual(0.001);
        expect(read.head.timings.spans).toBe(spans);
      }),
    );
  });

  test("clamp out-of-range numbers", () => {
    const timings = { receivedMs: Infinity, sentMs: NaN, queueMs: -1, handlerMs: 1e20, spans: -1 };
    const read = readResponseHead(from(responseHeaders({ ...response, timings }, good[header.signature]!)), 504, asked);
    const most = 3_999_999_999_999.999;
    expect(read).toMatchObject({
      head: { timings: { receivedMs: most, sentMs: 0, queueMs: 0, handlerMs: most, spans: 0 } },
    });
  });
});

describe("a nonce", () => {
  test("is 22 characters of base64url and unique", () => {
    const nonces = Array.from({ length: 2_000 }, newNonce);
    for (const nonce of nonces) expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  test("uses all of its 128 bits", () => {
    const seen = Buffer.alloc(16);
    for (let count = 0; count < 200; count++)
      Buffer.from(newNonce(), "base64url").forEach((byte, at) => (seen[at]! |= byte));
    expect(seen).toEqual(Buffer.alloc(16, 0xff));
  });
});

test("every wire header is documented in protocol.md", () => {
  const protocol = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
  for (const name of Object.values(header)) expect(protocol).toContain(`\`${name}\``);
});
