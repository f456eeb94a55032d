import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  boundTracestate,
  formatBaggage,
  formatTraceparent,
  parseBaggage,
  parseTraceparent,
} from "../../src/telemetry/propagation.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const valid = `00-${traceId}-${spanId}-01`;

describe("traceparent", () => {
  test("parses version 00", () => {
    expect(parseTraceparent(valid)).toEqual({ traceId, spanId, flags: 1 });
  });

  test("keeps the sampled and random flags, and no others", () => {
    expect(parseTraceparent(`00-${traceId}-${spanId}-ff`)?.flags).toBe(3);
    expect(parseTraceparent(`00-${traceId}-${spanId}-02`)?.flags).toBe(2);
    expect(formatTraceparent({ traceId, spanId, flags: 0xff })).toBe(`00-${traceId}-${spanId}-03`);
  });

  test.each([
    `01-${traceId}-${spanId}-01`,
    `cc-${traceId}-${spanId}-01-what-the-future-will-be-like`,
    `fe-${traceId}-${spanId}-01-`,
  ])("parses the future version %s as version 00", (value) => {
    expect(parseTraceparent(value)).toEqual({ traceId, spanId, flags: 1 });
  });

  test.each([
    ["undefined", undefined],
    ["an empty string", ""],
    ["version ff", `ff-${traceId}-${spanId}-01`],
    ["version 00 with more fields", `${valid}-extra`],
    ["version 00 with a trailing dash", `${valid}-`],
    ["a future version without a dash after the flags", `01-${traceId}-${spanId}-01x`],
    ["an all-zero trace id", `00-${"0".repeat(32)}-${spanId}-01`],
    ["an all-zero span id", `00-${traceId}-${"0".repeat(16)}-01`],
    ["upper case", valid.toUpperCase()],
    ["a short trace id", `00-${traceId.slice(1)}-${spanId}-01`],
    ["a short value", valid.slice(0, -1)],
    ["a leading space", ` ${valid}`],
    ["other separators", valid.replaceAll("-", "_")],
    ["flags that are not hex", `00-${traceId}-${spanId}-0g`],
    ["a newline at the end", `${valid}\n`],
  ])("rejects %s", (_why, value) => {
    expect(parseTraceparent(value)).toBeUndefined();
  });

  test("is not created from invalid ids", () => {
    expect(formatTraceparent({ traceId: "0".repeat(32), spanId, flags: 1 })).toBeUndefined();
    expect(formatTraceparent({ traceId: "noop", spanId: "noop", flags: 0 })).toBeUndefined();
  });

  test("survives a round trip", () => {
    const hex = (length: number) =>
      fc
        .string({ unit: fc.constantFrom(..."0123456789abcdef".split("")), minLength: length, maxLength: length })
        .filter((id) => /[1-9a-f]/.test(id));
    fc.assert(
      fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 3 }), (traceId, spanId, flags) => {
        expect(parseTraceparent(formatTraceparent({ traceId, spanId, flags }))).toEqual({ traceId, spanId, flags });
      }),
      { numRuns: 50 },
    );
  });
});

describe("tracestate", () => {
  test("keeps valid members, without optional white space and empty members", () => {
    expect(boundTracestate("rojo=1 , ,congo=t61rcWkgMzE,1a@b=x")).toBe("rojo=1,congo=t61rcWkgMzE,1a@b=x");
  });

  test.each(["novalue", "UPPER=1", "a=b=c", "=x", "a=", "dup=1,dup=2", "a=ü", `${"k".repeat(257)}=1`])(
    "is dropped entirely if it is malformed: %s",
    (value) => {
      expect(boundTracestate(value)).toBeUndefined();
    },
  );

  test("is undefined if it is empty", () => {
    expect([boundTracestate(undefined), boundTracestate(""), boundTracestate(" , ")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("keeps the first 32 members", () => {
    const members = Array.from({ length: 40 }, (_, index) => `k${index}=v`);
    expect(boundTracestate(members.join(","))?.split(",")).toEqual(members.slice(0, 32));
  });

  test("is limited to 512 characters: drops long members first, then the last ones", () => {
    const short = Array.from({ length: 6 }, (_, index) => `k${index}=${"v".repeat(97)}`);
    const long = `long=${"x".repeat(200)}`;
    expect(boundTracestate([long, ...short].join(","))?.split(",")).toEqual(short.slice(0, 5));
    expect(boundTracestate([long, ...short.slice(0, 3)].join(","))?.split(",")).toEqual([long, ...short.slice(0, 3)]);
  });
});

describe("baggage", () => {
  test("is formatted for allowed keys only, percent-encoded", () => {
    const members = [
      { key: "tenant", value: 'a "b", c;d\\e %' },
      { key: "session", value: "private" },
      { key: "user", value: "ü", metadata: "ttl=5" },
    ];
    expect(formatBaggage(members, new Set(["tenant", "user"]))).toBe(
      "tenant=a%20%22b%22%2C%20c%3Bd%5Ce%20%25,user=%C3%BC;ttl=5",
    );
    expect(formatBaggage(members, new Set())).toBeUndefined();
  });

  test("omits keys that are not tokens, and properties that would break the header", () => {
    expect(
      formatBaggage([
        { key: "a b", value: "1" },
        { key: "x,y", value: "2" },
        { key: "ok", value: "3", metadata: "a,evil=1" },
      ]),
    ).toBe("ok=3");
  });

  test("keeps at most 64 members", () => {
    const members = Array.from({ length: 70 }, (_, index) => ({ key: `k${index}`, value: "v" }));
    expect(formatBaggage(members)?.split(",")).toHaveLength(64);
    expect(parseBaggage(members.map(({ key, value }) => `${key}=${value}`).join(","))).toEqual(members.slice(0, 64));
  });

  test("omits members that would exceed 8,192 bytes, and keeps smaller ones after them", () => {
    const members = [
      { key: "a", value: "x".repeat(5000) },
      { key: "b", value: "ü".repeat(1000) },
      { key: "c", value: "small" },
    ];
    const header = formatBaggage(members)!;
    expect(parseBaggage(header).map(({ key }) => key)).toEqual(["a", "c"]);
    expect(formatBaggage([{ key: "k", value: "x".repeat(8190) }])).toHaveLength(8192);
    expect(formatBaggage([{ key: "k", value: "x".repeat(8191) }])).toBeUndefined();
  });

  test("is parsed without malformed members, with the last value of each key", () => {
    expect(parseBaggage('a=1, b = two%20words ;p=1;q , broken, c=%E0%A4, d=ü, e="x", a=2')).toEqual([
      { key: "a", value: "2" },
      { key: "b", value: "two words", metadata: "p=1;q" },
    ]);
    expect(parseBaggage(undefined)).toEqual([]);
  });

  test("is parsed up to the last complete member within 8,192 bytes", () => {
    expect(parseBaggage(`a=1,b=${"x".repeat(8184)},c=3,d=4`).map(({ key }) => key)).toEqual(["a", "b"]);
    expect(parseBaggage(`a=${"x".repeat(9000)}`)).toEqual([]);
  });

  test("survives a round trip with any value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 100 }), (value) => {
        expect(parseBaggage(formatBaggage([{ key: "k", value }]))).toEqual([{ key: "k", value }]);
      }),
      { numRuns: 100 },
    );
    expect(formatBaggage([{ key: "k", value: "\ud800" }])).toBe("k=%EF%BF%BD");
  });
});
