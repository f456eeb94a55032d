/** Runs the doctor against real runners: healthy, draining, with a wrong secret or clock, and unreachable. */
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createFlame } from "../../../src/index.ts";
import { runtimes } from "../../harness/runtimes.ts";
import { startProcess } from "../../harness/start-process.ts";
import { waitFor } from "../../harness/wait-for.ts";
import { parentOf, secret, startStaticRunner } from "../../integration/static-runners.ts";
import { fact } from "../../runner/runner-client.ts";
import { closedPort, doctor, doctorIn, folderWith, methods, serve } from "./diagnosis.ts";

describe("doctor --runner", () => {
  test("passes for a healthy runner: reachable, ready, signature, clock and metrics", async () => {
    const { url } = await startStaticRunner("r-1", { echo: async (value: unknown) => value });
    const { code, of } = await doctor(["--runner", url]);
    expect(["reachable", "ready", "signature", "clock", "metrics"].map((check) => of(check, url)?.status)).toEqual(
      Array.from({ length: 5 }, () => "ok"),
    );
    expect(of("signature")!.seen).toContain("the runner is r-1");
    expect(of("clock")!.seen).toMatch(/is [\d.]+ ms (ahead of|behind) this machine's, ±[\d.]+ ms/);
    expect(of("metrics", url)!.seen).toContain("OpenMetrics");
    expect(code).toBe(0);
  });

  test("runs no handler, and the runner still serves calls", async () => {
    let calls = 0;
    const { url } = await startStaticRunner("r-1", { count: async () => ++calls });
    const { flame } = parentOf([{ id: "r-1", url }]);
    const Work = flame.service("work", { count: async () => 0 });
    expect(await Work.count()).toBe(1);
    await doctor(["--runner", url]);
    await doctor(["--runner", url]);
    expect(await Work.count()).toBe(2);
  });

  test("fails the signature check for a runner with another secret", async () => {
    const { url } = await startStaticRunner("r-1", methods);
    const { code, of } = await doctor(["--runner", url], { FLAME_SECRET: "another secret than theirs" });
    expect(of("reachable")!.status).toBe("ok");
    expect(of("signature")).toMatchObject({ status: "failed", alert: "FlameSignatureRejections" });
    expect(of("signature")!.fix).toContain("Set both sides to the same values");
    expect(of("clock")).toBeUndefined();
    expect(code).toBe(1);
  });

  test("reads the secret from --secret-env, and skips the signature check without a secret", async () => {
    const { url } = await startStaticRunner("r-1", methods);
    const named = await doctor(["--runner", url, "--secret-env", "SHOP_SECRET"], {
      FLAME_SECRET: undefined,
      SHOP_SECRET: secret,
    });
    expect(named.of("signature")!.status).toBe("ok");
    const none = await doctor(["--runner", url], { FLAME_SECRET: undefined });
    expect(none.of("signature")).toMatchObject({ status: "skipped", fix: expect.stringContaining("--secret-env") });
  });

  test("reports a runner without a secret", async () => {
    const flame = createFlame({ mode: "runner", logger: { info: () => {}, warn: () => {}, error: () => {} } });
    const server = flame.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
    onTestFinished(() => flame.shutdown());
    await server.ready;
    const { of } = await doctor(["--runner", server.url]);
    expect(of("signature")!.seen).toBe("the runner has no secret, so it rejects every request");
  });

  test("reports a draining runner as reachable but not ready", async () => {
    const [entered, go] = [fact(), fact()];
    const hold = async () => {
      entered.settle();
      await go.promise;
    };
    const server = await startStaticRunner("r-1", { hold });
    const { flame } = parentOf([{ id: "r-1", url: server.url }]);
    const held = flame.service("work", { hold: async () => {} }).hold();
    await entered.promise;
    const stopped = server.stop({ drainTimeoutMs: 20_000 });
    await waitFor(async () => (await fetch(`${server.url}/ready`)).status === 503, { what: "the drain to start" });
    const { code, of } = await doctor(["--runner", server.url]);
    go.settle();
    await Promise.all([held, stopped]);
    expect(of("reachable")!.status).toBe("ok");
    expect(of("ready")).toMatchObject({ status: "failed", seen: expect.stringContaining("draining") });
    expect(of("signature")).toMatchObject({ status: "ok", seen: expect.stringContaining("does not accept calls now") });
    expect(code).toBe(1);
  });

  test.each([
    [40_000, "ahead of", "s", 1_000],
    [-90_000, "behind", "s", 1_000],
    [300_000, "ahead of", "min", 60_000],
  ])("reports a clock that is wrong by %d ms, with a valid signature", async (ms, direction, unit, unitMs) => {
    await using runner = await startProcess({
      command: [
        "bun" in process.versions ? runtimes.bun : runtimes.node,
        join(import.meta.dirname, "../fixtures/skewed-runner.ts"),
      ],
      env: { FLAME_MODE: "runner", FLAME_SECRET: secret, SKEW_MS: String(ms) },
    });
    const [, url = ""] = await runner.waitForOutput(/^ready (\S+)$/m);
    const startedAt = performance.now();
    const { of } = await doctor(["--runner", url]);
    const tookMs = performance.now() - startedAt;
    expect(of("signature")!.status).toBe("ok");
    expect(of("clock")).toMatchObject({ status: "failed", alert: "FlameClockSkew" });
    const told = new RegExp(`^the runner's clock is (\\d+\\.\\d) ${unit} ${direction} this machine's`).exec(
      of("clock")!.seen,
    );
    // The way of a ping counts as a difference of clocks, and the number is rounded to a tenth of its unit.
    expect(Math.abs(Number(told?.[1]) * unitMs - Math.abs(ms))).toBeLessThanOrEqual(tookMs + unitMs / 20);
    expect(of("clock")!.fix).toContain("NTP");
  });

  test("reports a runner whose id differs from the configuration", async () => {
    const { url } = await startStaticRunner("r-2", methods);
    const cwd = folderWith({
      "flame.config.js": `export default { pools: { default: { runners: [{ id: "r-1", url: "${url}" }] } } };`,
    });
    const { of } = await doctorIn(cwd);
    expect(of("signature")).toMatchObject({ status: "failed" });
    expect(of("signature")!.seen).toContain("the runner is r-2 while the configuration names it r-1");
  });

  test("reports a runner with another invokePath", async () => {
    const { url } = await startStaticRunner("r-1", methods);
    const cwd = folderWith({ "flame.config.js": `export default { runnerUrl: "${url}", invokePath: "/rpc" };` });
    const { of } = await doctorIn(cwd);
    expect(of("signature")!.seen).toContain(`${url}/rpc responded 404 without a runner's signature`);
    expect(of("signature")!.fix).toContain("invokePath");
  });

  test.each([
    ["nothing listens", closedPort, /^nothing listens on 127\.0\.0\.1:\d+$/],
    ["the host name is unknown", async () => "http://runner.invalid", /^cannot resolve the name runner\.invalid$/],
    [
      "another server listens",
      () => serve((_request, response) => response.end("hello")),
      /not like a Firelight runner$/,
    ],
    [
      "something that is not HTTP listens",
      async () => {
        const server = createTcpServer((socket) => socket.on("error", () => {}).end("220 mail.example ESMTP\r\n"));
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        onTestFinished(() => void server.close());
        return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      },
      /closed the connection without an HTTP response$/,
    ],
    [
      "the server does not speak TLS",
      async () => (await serve((_request, response) => response.end())).replace("http:", "https:"),
      /does not speak TLS$/,
    ],
  ])("explains that a runner is unreachable because %s, with a fix", async (_why, address, seen) => {
    const url = await address();
    const { code, of, findings } = await doctor(["--runner", url]);
    expect(of("reachable")).toMatchObject({ status: "failed", fix: expect.stringMatching(/\w/) });
    expect(of("reachable")!.seen).toMatch(seen);
    expect(findings.filter(({ title }) => title.includes(url))).toHaveLength(1);
    expect(code).toBe(1);
  });
});
