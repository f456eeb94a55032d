/** The reports of `explain` about a real run and about a recorded trace. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CallReport } from "../../../src/cli/explain/call-report.ts";
import { recordRun, type RecordedRun } from "../recorded-run.ts";
import { firelight, firelightProcess } from "../run-cli.ts";

const fixture = (name: string): string => join(import.meta.dirname, "../fixtures", name);

describe("explain with a recorded trace", () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";

  test("prints the expected report, which docs/cli.md shows", async () => {
    const { code, stdout, stderr } = await firelight(["explain", fixture("lost-runner.jsonl"), "--trace", traceId]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(readFileSync(fixture("lost-runner.txt"), "utf8"));
    expect(readFileSync("docs/cli.md", "utf8"), "docs/cli.md shows the output").toContain(stdout);
  });

  test("prints the same report from stdin, and from a JSON array instead of lines", async () => {
    const lines = readFileSync(fixture("lost-runner.jsonl"), "utf8");
    const whole = JSON.stringify(
      lines
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
      undefined,
      2,
    );
    const told = readFileSync(fixture("lost-runner.txt"), "utf8");
    for (const input of [lines, whole])
      expect((await firelightProcess(["explain", "-", "--trace", traceId], { input })).stdout).toBe(told);
  });

  test("shifts a runner's spans to the parent's clock", async () => {
    const { stdout } = await firelight(["explain", fixture("lost-runner.jsonl"), "--trace", traceId, "--json"]);
    const { timeline } = JSON.parse(stdout) as CallReport;
    expect(timeline.map(({ kind, startMs, shiftMs }) => [kind, Math.round(startMs), shiftMs])).toEqual([
      ["call", 0, 0],
      ["acquire", 1, 0],
      ["boot", 1, 0],
      ["attempt", 622, 0],
      ["backoff", 1103, 0],
      ["acquire", 1208, 0],
      ["attempt", 1829, 0],
      ["server", 1834, -250],
      ["handler", 1836, -250],
      ["other", 1840, -250],
      ["other", 1853, -250],
    ]);
  });

  test("fits its lines to the width of the terminal", async () => {
    const args = ["explain", fixture("lost-runner.jsonl"), "--trace", traceId];
    const { stdout } = await firelight(args, { env: { COLUMNS: "80" } });
    const wide = stdout.split("\n").filter((line) => line.length > 80);
    expect(wide).toEqual([]);
  });

  test("removes control characters from span names", async () => {
    const text = readFileSync(fixture("lost-runner.jsonl"), "utf8");
    const input = text.replaceAll("SELECT photos", "SELECT \\u001b[2J\\u0007photos\\nfrom the top");
    expect(input).not.toBe(text);
    const { stdout } = await firelightProcess(["explain", "-", "--trace", traceId], { input });
    expect(stdout).toContain("SELECT  photos from the top ");
    // oxlint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe("explain with the telemetry of a real run", () => {
  let run: RecordedRun;
  let listed: ReadonlyArray<{ traceId: string; method: string; outcome: string; attempts: number }>;

  beforeAll(async () => {
    run = await recordRun();
    const { stdout } = await firelight(["explain", run.traces, "--list", "--json"]);
    listed = JSON.parse(stdout) as typeof listed;
  }, 60_000);
  afterAll(() => run.remove());

  const storyOf = async (method: string, outcome: string): Promise<CallReport> => {
    const call = listed.find((one) => one.method === method && one.outcome === outcome)!;
    const { stdout } = await firelight(["explain", run.traces, run.logs, "--trace", call.traceId, "--json"]);
    return JSON.parse(stdout) as CallReport;
  };

  const rowsOf = ({ timeline }: CallReport): ReadonlyArray<string> => timeline.map(({ kind }) => kind);

  test("lists every call, failed ones first, then the slowest", () => {
    expect(listed.map(({ method, outcome, attempts }) => `${method} ${outcome} ${attempts}`).toSorted()).toEqual([
      "probe/add OK 1",
      "probe/crash UNKNOWN 1",
      "probe/dieFirst OK 2",
      "probe/slow DEADLINE_EXCEEDED 1",
      "probe/slow OK 1",
      "probe/traced OK 1",
    ]);
    expect(listed.slice(0, 2).map(({ outcome }) => outcome === "OK")).toEqual([false, false]);
  });

  test("reports the boot that a cold call waited for, and its share of the call", async () => {
    const story = await storyOf("probe/add", "OK");
    expect(rowsOf(story)).toEqual(["call", "acquire", "boot", "attempt", "server", "handler"]);
    expect(story.failure).toBeUndefined();
    const [wait] = story.waits;
    expect(wait).toMatchObject({ source: "cold", result: "acquired", queueDepth: 0, slotLimit: 1 });
    const [boot] = wait!.obstacles;
    expect(boot).toMatchObject({ what: "boot", name: story.attempts[0]!.runnerId, failed: false });
    expect(Object.keys(boot!.bootPhases)).toEqual(["spawn", "ready"]);
    expect(story.coldStart!.share).toBeGreaterThan(0.3);
    expect(story.coldStart!.share).toBeLessThanOrEqual(1);
    expect(story.attempts).toMatchObject([{ number: 1, firstOfRunner: true, status: "OK" }]);
    expect(story.alerts[0]?.alert).toBe("FlameBootSlow");
  });

  test("reports the call that held the slot of a queued call, and nests the user's spans below the handler", async () => {
    const story = await storyOf("probe/traced", "OK");
    expect(rowsOf(story)).toEqual(["call", "acquire", "attempt", "server", "handler", "other"]);
    expect(story.timeline.at(-1)).toMatchObject({ label: "user work", service: "shop-runner" });
    const [wait] = story.waits;
    expect(wait!.source).toBe("queued");
    expect(wait!.obstacles).toMatchObject([{ what: "call", name: "probe/slow" }]);
    expect(wait!.obstacles[0]!.overAfterMs! - wait!.durationMs).toBeLessThan(500);
    expect(story.alerts[0]?.alert).toBe("FlamePoolSaturationHigh");
  });

  test("reports the exception of a failed handler, from the runner's log", async () => {
    const story = await storyOf("probe/crash", "UNKNOWN");
    expect(story.failure).toMatchObject({ code: "remote_error", executed: "yes", phase: "handler" });
    expect(story.failure!.retrySafety).toEqual({ safe: false, why: "the handler ran" });
    expect(story.firstError).toMatchObject({
      where: "the handler of probe/crash",
      service: "shop-runner",
      exception: { type: "TypeError", message: "a secret stands in this message" },
    });
    expect(story.lostRunners).toEqual([]);
  });

  test("reports the phase in which a deadline passed", async () => {
    const story = await storyOf("probe/slow", "DEADLINE_EXCEEDED");
    expect(story).toMatchObject({
      deadlineMs: 60,
      // Parent and runner share the deadline: if the runner's response is first, the parent knows that the handler ran.
      failure: { code: "timeout", phase: "handler", executed: expect.stringMatching(/^(unknown|yes)$/) },
    });
    expect(story.phases.toSorted((one, other) => other.ms - one.ms)[0]!.phase).toBe("handler");
    expect(story.alerts[0]?.alert).toBe("FlameDeadlineExceeded");
  });

  test("reports the attempt on a lost runner, and the reason of the retry", async () => {
    const story = await storyOf("probe/dieFirst", "OK");
    const [lost, second] = story.attempts;
    expect(lost).toMatchObject({ kind: "first", missing: "lost", errorCode: "transport_error", executed: "unknown" });
    expect(second).toMatchObject({ kind: "retry", status: "OK", reason: "transport_error, executed: unknown" });
    expect(second!.missing).toBeUndefined();
    expect(second!.runnerId).not.toBe(lost!.runnerId);
    expect(rowsOf(story)).toContain("backoff");
    expect(story.firstError!.where).toBe(`attempt 1 on ${lost!.runnerId}`);
    expect(story.lostRunners.join()).toContain("SIGKILL");
    expect(story.alerts.map(({ alert }) => alert)).toEqual(
      expect.arrayContaining(["FlameRunnerCrashLoop", "FlameRetryStorm", "FlameTelemetryLoss"]),
    );
  });

  test("reports phases that sum to the call's duration", async () => {
    const { phases, durationMs } = await storyOf("probe/traced", "OK");
    const sum = phases.reduce((total, { ms }) => total + ms, 0);
    expect(phases).toHaveLength(8);
    expect(Math.abs(sum - durationMs), "milliseconds between sum and duration").toBeLessThan(40);
  });

  test("finds a call by a prefix of its invocation id, or by its span id", async () => {
    const { invocationId, spanId } = await storyOf("probe/add", "OK");
    for (const id of [invocationId!.slice(0, 8), spanId]) {
      const { stdout } = await firelight(["explain", run.traces, "--call", id]);
      expect(stdout).toMatch(/^probe\/add succeeded after /);
    }
  });

  test("reports a failed call by default, and the number of other calls", async () => {
    const { stdout } = await firelight(["explain", run.traces, run.logs]);
    expect(stdout).toMatch(/^probe\/\w+ failed after /);
    expect(stdout).toContain("5 more calls in this, 1 failed");
  });
});

describe("explain with invalid input", () => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const good = readFileSync(fixture("lost-runner.jsonl"), "utf8").trim().split("\n");
  const file = (text: string): string => {
    const path = join(folder, "input.json");
    writeFileSync(path, text);
    return path;
  };

  test.each<[what: string, path: () => string, said: RegExp, ...options: Array<string>]>([
    ["a file that does not exist", () => join(folder, "nothing"), /nothing: the file does not exist/],
    ["a folder", () => folder, /this is a folder, not a file/],
    ["an empty file", () => file("\n"), /input\.json: the file is empty/],
    ["a log", () => file("GET / 200\n"), /input\.json:1: this is not JSON; it starts with "GET \/ 200"/],
    [
      "a broken line",
      () => file(`${good[0]}\noops\n${good[1]}\n`),
      /input\.json:2: this is not JSON; it starts with "oops"/,
    ],
    [
      "JSON of another kind",
      () => file(`${good[0]}\n\n{"spans":[]}\n`),
      /input\.json:3: this JSON has no traces.*it has spans/,
    ],
    ["a number", () => file("42"), /input\.json:1: this JSON has no traces.*it has number/],
    [
      "a span without an id",
      () => file(`${good[0]}\n{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"lost","traceId":"x"}]}]}]}\n`),
      /input\.json:2: the span "lost" has no traceId or no spanId/,
    ],
    [
      "a call that does not exist",
      () => file(good.join("\n")),
      /None of the 2 calls in the data has the id "nobody"/,
      "--call",
      "nobody",
    ],
    [
      "a trace that does not exist",
      () => file(good.join("\n")),
      /The data contains no span of the trace a{32}/,
      "--trace",
      "a".repeat(32),
    ],
    ["only spans of runners", () => file(good[1]!), /None of the 2 spans in the data is a Firelight call/],
    ["only logs", () => file(good[2]!), /The data contains no spans/],
  ])("exits with 1 for %s, with the position of the error", async (_case, path, said, ...options) => {
    const { code, stdout, stderr } = await firelight(["explain", path(), ...options]);
    expect(stderr).toMatch(said);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  test("skips a truncated last line with a warning", async () => {
    const { code, stdout, stderr } = await firelight(["explain", file(`${good[0]}\n${good[1]!.slice(0, 200)}`)]);
    expect(stderr).toContain("input.json:2 is truncated and was skipped");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^images\/thumbnail failed after /);
  });
});
