import { readFileSync } from "node:fs";
import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RequestHead, ResponseHead } from "../../../src/contract/wire/envelope.ts";
import { ConfigError } from "../../../src/contract/errors.ts";
import {
  readRequestHead,
  readResponseHead,
  requestHeaders,
  requestLine,
  responseHeaders,
  responseLine,
} from "../../../src/contract/wire/headers.ts";
import {
  checkResponse,
  makeKeyring,
  signRequest,
  signResponse,
  verifyRequest,
  verifyResponse,
} from "../../../src/contract/wire/signature.ts";

const key = { id: "default", secret: "correct horse battery staple" };

const request: Required<RequestHead> = {
  method: "billing/charge",
  invocationId: "inv-0001",
  attempt: 1,
  audience: "runner-1",
  keyId: "default",
  createdMs: 1_790_000_000_000,
  nonce: "AAAAAAAAAAAAAAAAAAAAAA",
  timeoutMs: 30_000,
  detached: true,
  idempotencyKey: "order-42",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  tracestate: "rojo=00f067aa0ba902b7",
  baggage: "tenant=acme",
};

const response: ResponseHead = {
  nonce: "AAAAAAAAAAAAAAAAAAAAAA",
  invocationId: "inv-0001",
  attempt: 1,
  runnerId: "runner-1",
  keyId: "default",
  status: 200,
  outcome: "ok",
  timings: { receivedMs: 1_790_000_000_003.25, sentMs: 1_790_000_000_017, queueMs: 1.5, handlerMs: 11.125, spans: 2 },
};

const body = Buffer.from('{"json":[1,2,3]}');

const changed = (value: string | number | true | undefined): ReadonlyArray<string | number | undefined> =>
  value === true || value === undefined
    ? [undefined]
    : typeof value === "number"
      ? [value + 1]
      : [
          ...Array.from(value, (char, at) => value.slice(0, at) + (char === "x" ? "y" : "x") + value.slice(at + 1)),
          `${value} `,
          value.slice(1),
        ];

/** Copies of the text with one bit flipped, for every bit. */
const flips = (text: string): ReadonlyArray<string> =>
  Array.from({ length: text.length * 8 }, (_flip, bit) => {
    const bytes = Buffer.from(text, "latin1");
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    return bytes.toString("latin1");
  });

/** Tampered copies of a message: each header removed, emptied or with a bit flipped, or the body with a bit flipped. */
const tampered = (headers: Record<string, string>, content: Buffer) => [
  ...Object.keys(headers).flatMap((name) => [
    { what: `no ${name}`, headers: { ...headers, [name]: undefined }, content },
    { what: `empty ${name}`, headers: { ...headers, [name]: "" }, content },
    ...flips(headers[name]!).map((value) => ({
      what: `${name}: ${value}`,
      headers: { ...headers, [name]: value },
      content,
    })),
  ]),
  ...flips(content.toString("latin1")).map((text) => ({ what: text, headers, content: Buffer.from(text, "latin1") })),
];

/** The headers that a runner reads. */
const ours = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("x-flame-")));

const believesRequest = (headers: Record<string, string | undefined>, content: Buffer): boolean => {
  const read = readRequestHead((name) => headers[name]);
  return !("malformed" in read) && verifyRequest(read.head, content, read.signature, key);
};

const believesResponse = (
  headers: Record<string, string | undefined>,
  content: Buffer,
  status = response.status,
  asked: Pick<RequestHead, "nonce" | "invocationId" | "attempt"> = request,
): boolean => {
  const read = readResponseHead((name) => headers[name], status, asked);
  return !("malformed" in read) && verifyResponse(read.head, content, read.signature, key);
};

describe("a signed message", () => {
  test("is rejected with any bit of any signed part of a request flipped", () => {
    const headers = ours(requestHeaders(request, signRequest(request, body, key)));
    expect(Object.keys(headers)).toHaveLength(6);
    expect(believesRequest(headers, body)).toBe(true);
    for (const { what, headers: other, content } of tampered(headers, body))
      expect(believesRequest(other, content), what).toBe(false);
  });

  test("is accepted unchanged if the standard trace context headers are rewritten or removed", () => {
    const headers = requestHeaders(request, signRequest(request, body, key));
    const { traceparent, tracestate, baggage } = request;
    expect(headers).toMatchObject({ traceparent, tracestate, baggage });
    const read = readRequestHead((name) => headers[name]);
    for (const name of ["traceparent", "tracestate", "baggage"])
      for (const value of [undefined, "", "é", "another", `${headers[name]}, ${headers[name]}`, "x".repeat(20_000)]) {
        const rewritten = { ...headers, [name]: value };
        expect(believesRequest(rewritten, body), `${name}: ${value}`).toBe(true);
        expect(readRequestHead((wanted) => rewritten[wanted])).toEqual(read);
      }
  });

  test("is rejected with any bit of any signed part of a response flipped", () => {
    const headers = responseHeaders(response, signResponse(response, body, key));
    expect(believesResponse(headers, body)).toBe(true);
    for (const { what, headers: other, content } of tampered(headers, body))
      expect(believesResponse(other, content), what).toBe(false);
    for (let status = 100; status < 1000; status++)
      expect(believesResponse(headers, body, status)).toBe(status === 200);
    for (const nonce of flips(request.nonce))
      expect(believesResponse(headers, body, 200, { ...request, nonce })).toBe(false);
    for (const invocationId of flips(request.invocationId))
      expect(believesResponse(headers, body, 200, { ...request, invocationId })).toBe(false);
    expect(believesResponse(headers, body, 200, { ...request, attempt: 2 })).toBe(false);
  });

  test("is rejected if a number is written differently", () => {
    const signedRequest = requestHeaders(request, signRequest(request, body, key));
    const signedResponse = responseHeaders(response, signResponse(response, body, key));
    const spelled = (line: string, spell: (number: string) => string): ReadonlyArray<string> => {
      const fields = line.split(" ");
      return fields.flatMap((field, at) => (/^\d+$/.test(field) ? [fields.with(at, spell(field)).join(" ")] : []));
    };
    for (const spell of [(text: string) => `0${text}`, (text: string) => `+${text}`, (text: string) => `${text}.0`]) {
      for (const line of spelled(requestLine(request), spell))
        expect(believesRequest({ ...signedRequest, "x-flame-request": line }, body), line).toBe(false);
      for (const line of spelled(responseLine(response), spell))
        expect(believesResponse({ ...signedResponse, "x-flame-response": line }, body), line).toBe(false);
    }
  });

  test("is rejected if a header's value moves to another header", () => {
    const headers = requestHeaders(request, signRequest(request, body, key));
    const names = ["request", "idempotency-key", "traceparent", "tracestate", "baggage"].map(
      (name) => `x-flame-${name}`,
    );
    for (const from of names) {
      for (const to of names.filter((name) => name !== from)) {
        const swapped = { ...headers, [from]: headers[to], [to]: headers[from] };
        const moved = { ...headers, [from]: undefined, [to]: `${headers[to]}\n${headers[from]}` };
        expect(believesRequest(swapped, body)).toBe(false);
        expect(believesRequest(moved, body)).toBe(false);
        expect(
          believesRequest(
            { ...headers, [from]: headers[from]!.slice(0, -1), [to]: headers[from]!.slice(-1) + headers[to] },
            body,
          ),
        ).toBe(false);
      }
    }
  });

  test("is rejected as the other kind of message", () => {
    const asResponse = {
      "x-flame-response": requestLine(request),
      "x-flame-signature": signRequest(request, body, key),
    };
    const asRequest = {
      "x-flame-request": responseLine(response),
      "x-flame-signature": signResponse(response, body, key),
    };
    expect(believesResponse(asResponse, body)).toBe(false);
    expect(believesRequest(asRequest, body)).toBe(false);
  });
});

describe("a request signature", () => {
  const signature = signRequest(request, body, key);

  test("is valid for the signed request", () => {
    expect(verifyRequest(request, body, signature, key)).toBe(true);
    expect(verifyRequest({ ...request }, new Uint8Array(body), signature, { ...key })).toBe(true);
  });

  test.each(Object.keys(request) as ReadonlyArray<keyof RequestHead>)("is invalid after any change of %s", (name) => {
    for (const value of changed(request[name])) {
      expect(verifyRequest({ ...request, [name]: value }, body, signature, key), `${name}=${value}`).toBe(false);
    }
  });

  test("is invalid with any flipped bit of the body, and with a byte more or less", () => {
    for (let bit = 0; bit < body.length * 8; bit++) {
      const flipped = Uint8Array.from(body);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyRequest(request, flipped, signature, key)).toBe(false);
    }
    expect(verifyRequest(request, Buffer.concat([body, Buffer.from(" ")]), signature, key)).toBe(false);
    expect(verifyRequest(request, body.subarray(1), signature, key)).toBe(false);
  });

  test("is invalid after any change of the signature itself", () => {
    for (let at = 0; at < signature.length; at++) {
      const other = signature[at] === "A" ? "B" : "A";
      expect(verifyRequest(request, body, signature.slice(0, at) + other + signature.slice(at + 1), key)).toBe(false);
      expect(verifyRequest(request, body, `${signature.slice(0, at)}é${signature.slice(at + 1)}`, key)).toBe(false);
    }
    for (const other of [
      "",
      "v2=",
      signature.slice(0, -1),
      `${signature}=`,
      ` ${signature}`,
      signature.toUpperCase(),
    ]) {
      expect(verifyRequest(request, body, other, key)).toBe(false);
    }
  });

  test("is canonical: another base64url encoding of the same digest is rejected", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(signature.at(-1)!);
    const twin = signature.slice(0, -1) + alphabet[last ^ 1];
    expect(Buffer.from(twin.slice(3), "base64url")).toEqual(Buffer.from(signature.slice(3), "base64url"));
    expect(verifyRequest(request, body, twin, key)).toBe(false);
  });

  test("is invalid with another secret", () => {
    expect(verifyRequest(request, body, signature, { id: "default", secret: `${key.secret} ` })).toBe(false);
  });

  test("distinguishes an absent field from an empty one", () => {
    for (const name of ["idempotencyKey", "traceparent", "tracestate", "baggage"] as const) {
      const empty = { ...request, [name]: "" };
      const absent = { ...request, [name]: undefined };
      expect(verifyRequest(absent, body, signRequest(empty, body, key), key)).toBe(false);
      expect(verifyRequest(absent, body, signRequest(absent, body, key), key)).toBe(true);
    }
  });

  test("is invalid if characters move between neighboring fields", () => {
    const names = [
      "method",
      "invocationId",
      "audience",
      "keyId",
      "nonce",
      "idempotencyKey",
      "traceparent",
      "tracestate",
      "baggage",
    ] as const;
    for (let at = 0; at + 1 < names.length; at++) {
      const [left, right] = [names[at]!, names[at + 1]!];
      const moved = {
        ...request,
        [left]: request[left].slice(0, -1),
        [right]: request[left].slice(-1) + request[right],
      };
      expect(verifyRequest(moved, body, signature, key)).toBe(false);
      expect(verifyRequest({ ...request, [left]: request[right], [right]: request[left] }, body, signature, key)).toBe(
        false,
      );
    }
  });

  test("is invalid if a field imitates the framing of the signature base", () => {
    const crafted = { ...request, tracestate: "a\n1:b", baggage: undefined };
    const split = { ...request, tracestate: "a", baggage: "b" };
    expect(verifyRequest(split, body, signRequest(crafted, body, key), key)).toBe(false);
    const short = { ...request, baggage: undefined };
    expect(
      verifyRequest(
        { ...request, baggage: "" },
        body,
        signRequest(short, Buffer.concat([Buffer.from("0:\n"), body]), key),
        key,
      ),
    ).toBe(false);
  });

  test("differs for any two different heads and bodies", () => {
    const text = fc.string({ unit: fc.constantFrom("a", ":", "1", "-", "\n", "2") });
    const maybe = fc.option(text, { nil: undefined });
    const head = fc.record({
      method: text,
      invocationId: text,
      audience: text,
      keyId: text,
      nonce: text,
      attempt: fc.nat(20),
      createdMs: fc.nat(20),
      timeoutMs: fc.nat(20),
      idempotencyKey: maybe,
      traceparent: maybe,
      tracestate: maybe,
      baggage: maybe,
    });
    const message = fc.tuple(head, text);
    fc.assert(
      fc.property(message, message, ([headA, bodyA], [headB, bodyB]) => {
        const same = JSON.stringify([headA, bodyA]) === JSON.stringify([headB, bodyB]);
        expect(verifyRequest(headB, Buffer.from(bodyB), signRequest(headA, Buffer.from(bodyA), key), key)).toBe(same);
      }),
    );
  });
});

describe("a response signature", () => {
  const signature = signResponse(response, body, key);

  test("is valid for the signed response", () => {
    expect(verifyResponse({ ...response }, new Uint8Array(body), signature, key)).toBe(true);
  });

  test.each(["nonce", "invocationId", "attempt", "runnerId", "keyId", "status", "outcome"] as const)(
    "is invalid after any change of %s",
    (name) => {
      for (const value of changed(response[name])) {
        expect(verifyResponse({ ...response, [name]: value }, body, signature, key)).toBe(false);
      }
    },
  );

  test("is invalid with other unsent and failed span counts", () => {
    for (const exported of [
      { unsent: 0, failed: 0 },
      { unsent: 2, failed: 0 },
      { unsent: 0, failed: 2 },
    ]) {
      const timings = { ...response.timings, exported };
      const other = signResponse(
        { ...response, timings: { ...timings, exported: { unsent: 1, failed: 1 } } },
        body,
        key,
      );
      expect(verifyResponse({ ...response, timings }, body, signature, key)).toBe(false);
      expect(verifyResponse({ ...response, timings }, body, other, key)).toBe(false);
    }
  });

  test.each(["receivedMs", "sentMs", "queueMs", "handlerMs", "spans"] as const)(
    "is invalid with another %s",
    (name) => {
      const timings = { ...response.timings, [name]: response.timings[name] + 1 };
      expect(verifyResponse({ ...response, timings }, body, signature, key)).toBe(false);
    },
  );

  test("is invalid with another body", () => {
    expect(verifyResponse(response, Buffer.from('{"json":[1,2,4]}'), signature, key)).toBe(false);
  });

  test("is not valid for a request, nor a request signature for a response", () => {
    expect(verifyRequest(request, body, signature, key)).toBe(false);
    expect(verifyResponse(response, body, signRequest(request, body, key), key)).toBe(false);
  });
});

describe("a keyring", () => {
  const next = { id: "next", secret: "another secret" };

  test("finds the signing key and the accepted keys by id", () => {
    const keyring = makeKeyring(key, [next]);
    expect(keyring.signing).toBe(key);
    expect(keyring.find("default")).toBe(key);
    expect(keyring.find("next")).toBe(next);
    expect(keyring.find("constructor")).toBeUndefined();
  });

  test("verifies messages signed with either key during a rotation", () => {
    const keyring = makeKeyring(next, [key]);
    for (const signer of [key, next]) {
      const head = { ...request, keyId: signer.id };
      expect(verifyRequest(head, body, signRequest(head, body, signer), keyring.find(head.keyId)!)).toBe(true);
    }
  });

  test("rejects an empty secret, and two secrets with the same id", () => {
    expect(() => makeKeyring({ id: "default", secret: "" }, [])).toThrow(ConfigError);
    expect(() => makeKeyring(key, [{ id: "default", secret: "other" }])).toThrow(/"default" and different secrets/);
    expect(makeKeyring(key, [{ ...key }]).find("default")).toEqual(key);
  });
});

/** An independent implementation of signing, written from docs/protocol.md without the code under test. */
const signedByTheBook = (
  firstLine: string,
  fields: ReadonlyArray<string | undefined>,
  content: Buffer,
  secret: string,
) => {
  const chunks: Array<Buffer> = [Buffer.from(firstLine), Buffer.from([0x0a])];
  for (const value of fields) {
    if (value === undefined) chunks.push(Buffer.from("-"));
    else {
      const bytes = Buffer.from(value, "utf8");
      chunks.push(Buffer.from(bytes.length.toString(10)), Buffer.from(":"), bytes);
    }
    chunks.push(Buffer.from([0x0a]));
  }
  chunks.push(Buffer.from(content.length.toString(10)), Buffer.from(":"));
  const base = Buffer.concat(chunks);
  const digest = createHmac("sha256", Buffer.from(secret, "utf8"))
    .update(Buffer.concat([base, content]))
    .digest("base64");
  return {
    base: base.toString("utf8"),
    signature: `v2=${digest.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`,
  };
};

interface Vector<Head> {
  readonly name: string;
  readonly secret: string;
  readonly head: Head;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyHex: string;
  readonly base: string;
}

const vectors = JSON.parse(readFileSync(new URL("../../vectors/protocol-v2.json", import.meta.url), "utf8")) as {
  readonly requests: ReadonlyArray<Vector<RequestHead>>;
  readonly responses: ReadonlyArray<Vector<ResponseHead>>;
};
const protocol = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

describe("checkResponse, which verifies a body in chunks,", () => {
  test.each(vectors.responses)(
    "accepts $name in one or two chunks, and rejects another length",
    ({ secret, head, headers, bodyHex }) => {
      const key = { id: head.keyId, secret };
      const content = Buffer.from(bodyHex, "hex");
      const holds = (length: number, ...chunks: ReadonlyArray<Uint8Array>): boolean => {
        const check = checkResponse(head, length, headers["x-flame-signature"]!, key);
        for (const chunk of chunks) check.update(chunk);
        return check.holds();
      };
      expect(holds(content.length, content)).toBe(true);
      expect(holds(content.length, content.subarray(0, 3), content.subarray(3))).toBe(true);
      expect(holds(content.length, content, Buffer.from("x"))).toBe(false);
      expect(holds(content.length + 1, content)).toBe(false);
    },
  );
});

describe("a message of any size", () => {
  test.each(["s", "x".repeat(64), "y".repeat(65), "key-ü-☃"])(
    "has the HMAC of the protocol with the secret %s",
    (secret) => {
      const own = { id: "default", secret };
      for (const size of [0, 1, 20_000, 65_000, 66_000, 200_000]) {
        const content = Buffer.alloc(size, "z");
        const fields = [
          requestLine(request),
          request.idempotencyKey,
          request.traceparent,
          request.tracestate,
          request.baggage,
        ];
        const { signature } = signedByTheBook("flame-v2-request", fields, content, secret);
        expect(signRequest(request, content, own), `${size} bytes`).toBe(signature);
        expect(signRequest(request, Buffer.from(content), { ...own })).toBe(signature);
        expect(verifyRequest(request, content, signature, own, requestLine(request))).toBe(true);
        expect(verifyRequest(request, content, signature, own, `${requestLine(request)} `)).toBe(false);
      }
    },
  );
});

describe("the protocol's test vectors", () => {
  test.each(vectors.requests)(
    "the request $name is signed alike by the code and by the text of protocol.md",
    ({ secret, head, headers, bodyHex, base }) => {
      const content = Buffer.from(bodyHex, "hex");
      const line = [
        "2",
        head.method,
        head.invocationId,
        `${head.attempt}`,
        head.audience,
        head.keyId,
        `${head.createdMs}`,
        head.nonce,
        `${head.timeoutMs}`,
        ...(head.detached === true ? ["detached"] : []),
      ].join(" ");
      const optional = [head.idempotencyKey, head.traceparent, head.tracestate, head.baggage];
      const byTheBook = signedByTheBook("flame-v2-request", [line, ...optional], content, secret);
      const signature = headers["x-flame-signature"]!;
      expect(byTheBook).toEqual({ base, signature });
      expect(headers["x-flame-request"]).toBe(line);
      expect(ours(requestHeaders(head, signRequest(head, content, { id: head.keyId, secret })))).toEqual(headers);
      expect(readRequestHead((name) => headers[name])).toEqual({ head, line: headers["x-flame-request"], signature });
      expect(verifyRequest(head, content, signature, { id: head.keyId, secret })).toBe(true);
    },
  );

  test.each(vectors.responses)(
    "the response $name is signed alike by the code and by the text of protocol.md",
    ({ secret, head, headers, bodyHex, base }) => {
      const content = Buffer.from(bodyHex, "hex");
      const { receivedMs, sentMs, queueMs, handlerMs, spans, exported } = head.timings;
      const micros = [receivedMs, sentMs, queueMs, handlerMs].map((ms) => (ms * 1000).toFixed(0));
      const counts = exported === undefined ? [spans] : [spans, exported.unsent, exported.failed];
      const line = ["2", head.outcome, head.runnerId, head.keyId, ...micros, ...counts].join(" ");
      const known = [head.nonce, head.invocationId, `${head.attempt}`, `${head.status}`].join(" ");
      const byTheBook = signedByTheBook("flame-v2-response", [known, line], content, secret);
      const signature = headers["x-flame-signature"]!;
      expect(byTheBook).toEqual({ base, signature });
      expect(headers["x-flame-response"]).toBe(line);
      expect(responseHeaders(head, signResponse(head, content, { id: head.keyId, secret }))).toEqual(headers);
      expect(readResponseHead((name) => headers[name], head.status, head)).toEqual({
        head,
        line: headers["x-flame-response"],
        signature,
      });
      expect(verifyResponse(head, content, signature, { id: head.keyId, secret })).toBe(true);
    },
  );

  test.each([
    ["request-minimal", vectors.requests],
    ["response-ok", vectors.responses],
  ])("%s has the signature base and the header that protocol.md shows", (wanted, all) => {
    const { base, bodyHex, headers } = all.find(({ name }) => name === wanted)!;
    const signed = base + Buffer.from(bodyHex, "hex").toString("utf8");
    expect(protocol).toContain(`    ${signed.replaceAll("\n", "⏎")}\n`);
    const [name, line] = Object.entries(headers)[0]!;
    expect(protocol).toContain(`    ${name}: ${line}\n`);
  });
});
