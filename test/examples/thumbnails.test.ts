/** Runs the main example as users do, and checks the telemetry that it records. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { json } from "node:stream/consumers";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { paintPhotos } from "../../examples/02-thumbnails/photos.ts";
import { readSpans, type Span } from "../../examples/02-thumbnails/spans.ts";
import { startProcess } from "../harness/start-process.ts";

const main = join(import.meta.dirname, "../../examples/02-thumbnails/main.ts");
const folder = mkdtempSync(join(tmpdir(), "firelight-thumbnails-"));
const out = join(folder, "out");
const photos = 10;
const methods = { "images/blurhash": 11, "images/enhance": 1, "images/metadata": 11, "images/thumbnail": 11 };

/** The spans that the user's collector received. */
const forwarded = new Set<string>();
const collector = createServer(async (request, response) => {
  const { resourceSpans = [] } = (await json(request)) as { resourceSpans?: Array<any> };
  for (const { scopeSpans } of resourceSpans) {
    for (const { spans } of scopeSpans) for (const { spanId } of spans) forwarded.add(spanId);
  }
  response.end("{}");
});

let printed: string;
let spans: ReadonlyArray<Span>;

const named = (name: string): ReadonlyArray<Span> => spans.filter((span) => span.name === name);
const calls = (): ReadonlyArray<Span> =>
  spans.filter(({ kind, name }) => kind === "client" && name.startsWith("images/"));
const attemptsOf = (call: Span): ReadonlyArray<Span> =>
  named("flame.attempt").filter(({ parentSpanId }) => parentSpanId === call.spanId);
const backoffsOf = (call: Span): ReadonlyArray<Span> =>
  named("flame.retry.backoff").filter(({ parentSpanId }) => parentSpanId === call.spanId);
const killedRunner = (): string | undefined => /runner (\S+) was killed/.exec(printed)?.[1];
const status = ({ attributes, failed }: Span) => [attributes["rpc.status_code"], attributes["error.type"], failed];

beforeAll(async () => {
  await paintPhotos(join(folder, "photos"), { count: photos, scale: 0.3 });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  await using example = await startProcess({
    command: [process.execPath, main, join(folder, "photos"), "--out", out],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      NO_COLOR: "1",
      FORCE_COLOR: undefined,
      COLUMNS: "100",
    },
  });
  const end = await example.exited;
  printed = example.output();
  expect(end, printed).toEqual({ code: 0, signal: null });
  spans = readSpans(join(out, "traces.jsonl"));
}, 90_000);

afterAll(() => {
  collector.closeAllConnections();
  collector.close();
  rmSync(folder, { recursive: true });
});

test("writes a thumbnail of at most 320 pixels for every photo", async () => {
  const files = readdirSync(join(out, "thumbnails"));
  expect(files.toSorted()).toEqual(readdirSync(join(folder, "photos")).toSorted());
  for (const file of files) {
    const { format, width, height } = await sharp(join(out, "thumbnails", file)).metadata();
    expect([format, Math.max(width, height)]).toEqual(["jpeg", 320]);
  }
  expect(JSON.parse(readFileSync(join(out, "album.json"), "utf8"))).toHaveLength(photos);
});

test("every line of the summary has a check mark and fits the terminal", () => {
  expect(printed.match(/^[✓✗] .*$/gmu)).toEqual([
    `✓ thumbnails  10 of 10 readable photos, in ${relative(process.cwd(), out)}/thumbnails`,
    expect.stringMatching(/^✓ retried {5}\d+ calls?: runner images-\w+ was killed while handling (it|them)$/),
    "✓ rejected    2 calls (corrupt_image: truncated.jpg); permanent error, not retried",
    "✓ timed out   1 call: images/enhance exceeded its 1.5 s deadline",
    "✓ reconciled  34 calls = 34 in metrics = 34 traces",
  ]);
  expect(printed.split("\n").filter((line) => line.length > 100 && !line.includes(out))).toEqual([]);
});

test("the READMEs show the lines that the example prints", () => {
  const shapes = (text: string): ReadonlyArray<string> =>
    (text.match(/^✓ .*$/gmu) ?? []).map((line) =>
      line
        .replace(/ in \S+\/thumbnails/, "")
        .replace(/images-\w+/, "RUNNER")
        .replace(/(?:it|them)$/, "IT")
        .replaceAll(/(?<=\s)\d+(?: calls?)?/g, "N"),
    );
  const root = join(import.meta.dirname, "../..");
  for (const page of ["README.md", "examples/02-thumbnails/README.md"])
    expect(shapes(readFileSync(join(root, page), "utf8"))).toEqual(shapes(printed));
});

test("each call has its own trace, and the table shows the right counts", () => {
  expect(new Set(calls().map(({ traceId }) => traceId)).size).toBe(calls().length);
  for (const [method, made] of Object.entries(methods)) {
    const ofMethod = calls().filter(({ name }) => name === method);
    const failed = ofMethod.filter((call) => call.failed).length;
    const retried = ofMethod.filter((call) => attemptsOf(call).length > 1).length;
    const [, inTable, errors, retries] = new RegExp(`^${method} +(\\d+) +(\\d+) +(\\d+) `, "m").exec(printed) ?? [];
    expect([ofMethod.length, Number(inTable), Number(errors), Number(retries)]).toEqual([made, made, failed, retried]);
  }
});

test("every server span is a child of one attempt, with the same runner id", () => {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const servers = spans.filter(({ kind }) => kind === "server");
  expect(servers.length).toBeGreaterThan(calls().length / 2);
  for (const server of servers) {
    expect(server.service).toBe("thumbnails-runner");
    const { traceId, name, service, attributes } = byId.get(server.parentSpanId)!;
    expect({ traceId, name, service }).toEqual({
      traceId: server.traceId,
      name: "flame.attempt",
      service: "thumbnails",
    });
    expect(attributes["flame.runner.id"]).toBe(server.attributes["flame.runner.id"]);
    expect(attributes["rpc.method"]).toBe(server.name);
  }
  for (const attempt of named("flame.attempt")) {
    expect(servers.filter(({ parentSpanId }) => parentSpanId === attempt.spanId).length).toBeLessThanOrEqual(1);
  }
  const serverIds = new Set(servers.map(({ spanId }) => spanId));
  const orphans = named("flame.handler").filter(({ parentSpanId }) => !serverIds.has(parentSpanId));
  for (const { traceId } of orphans)
    expect(named("flame.attempt").find((attempt) => attempt.traceId === traceId)?.attributes["flame.runner.id"]).toBe(
      killedRunner(),
    );
});

test("a call that lost its runner has two attempts on different runners, with the retry reason", () => {
  const retried = calls().filter((call) => attemptsOf(call).length > 1);
  expect(retried.length).toBeGreaterThan(0);
  for (const call of retried) {
    const [first, second, ...more] = attemptsOf(call);
    expect(more).toEqual([]);
    expect(status(first!)).toEqual(["UNAVAILABLE", "UNAVAILABLE", true]);
    expect(first!.attributes["flame.runner.id"]).toBe(killedRunner());
    const { "flame.attempt.kind": kind, "flame.retry.reason": reason } = second!.attributes;
    expect([kind, reason]).toEqual(["retry", expect.stringMatching(/^transport_error, executed: (no|unknown)$/)]);
    expect(backoffsOf(call)).toHaveLength(reason === "transport_error, executed: no" ? 0 : 1);
    expect(second!.attributes["flame.runner.id"]).not.toBe(killedRunner());
    expect(call.attributes["flame.attempt.count"]).toBe(2);
  }
});

test("calls have the right status: corrupt image, timeout, and OK for all others", () => {
  const failed = calls().filter((call) => call.failed);
  expect(failed.map((call) => [call.name, ...status(call), call.attributes["flame.attempt.count"]]).toSorted()).toEqual(
    [
      ["images/blurhash", "UNKNOWN", "UNKNOWN", true, 1],
      ["images/enhance", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", true, 1],
      ["images/thumbnail", "UNKNOWN", "UNKNOWN", true, 1],
    ],
  );
  for (const call of calls()) if (!call.failed) expect(status(call)).toEqual(["OK", undefined, false]);
  const late = calls().find(({ name }) => name === "images/enhance")!;
  expect(status(attemptsOf(late)[0]!)).toEqual(["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", true]);
});

test("the waterfall of a call that lost its runner shows attempts, backoff and handler in order", () => {
  const [, traceId, tree = ""] = printed.split(/^A call that lost its runner {2}trace (\w+)$/m);
  const call = calls().find((one) => one.traceId === traceId)!;
  const steps = [
    "attempt 1 on .* UNAVAILABLE +\\d",
    ...backoffsOf(call).map(() => "backoff transport_error, executed: unknown +\\d"),
    "attempt 2 on .* +\\d",
    `${call.name}, server +\\d`,
    "handler +\\d",
  ];
  expect(tree).toMatch(new RegExp(steps.join("[^]*"), "u"));
});

test("the user's collector receives every span too", () => {
  expect(forwarded.size).toBe(new Set(spans.map(({ spanId }) => spanId)).size);
  expect(printed).toContain("The same traces went to http://127.0.0.1:");
});

test("the terminal shows only results; logs of parent and runners are in the log file", () => {
  expect(printed).not.toMatch(/firelight (warn|error)/);
  const log = readFileSync(join(out, "run.log"), "utf8");
  expect(log).toMatch(/was lost: crash, was ended by SIGKILL/);
  expect(log).toMatch(/truncated\.jpg cannot be decoded/);
});

test("rejects a folder without pictures and an output folder that is not empty", async () => {
  const empty = mkdtempSync(join(folder, "empty-"));
  const outputOf = async (...args: ReadonlyArray<string>): Promise<string> => {
    await using example = await startProcess({ command: [process.execPath, main, ...args] });
    expect((await example.exited).code).not.toBe(0);
    return example.output();
  };
  expect(await outputOf(empty, "--out", join(folder, "none"))).toContain(`${empty} contains no pictures.`);
  expect(await outputOf(join(folder, "photos"), "--out", out)).toContain(`${out} is not empty.`);
  expect(readdirSync(join(out, "thumbnails"))).toHaveLength(photos);
});
