/** Links with real sockets: calls, their ends, and what stands between the two sides. */
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { createFlame, defineMethod, FlameMethodError } from "../../src/index.ts";
import { type Fault, startFaultProxy } from "../harness/fault-proxy.ts";
import { startProcess } from "../harness/start-process.ts";
import { restoreClock, stepClock } from "../harness/step-clock.ts";
import { waitFor } from "../harness/wait-for.ts";
import {
  countRequests,
  cutWebSockets,
  flipBytes,
  freezeConnections,
  recordConnections,
  refuseUpgrades,
} from "./link-faults.ts";
import { failureOf, parentOf, secret, startStaticRunner } from "./static-runners.ts";

/** Methods, and what became of their handlers. */
const makeWork = () => {
  const seen = { started: 0, aborted: 0, ended: 0, released: Promise.withResolvers<void>() };
  const methods = {
    echo: async (value: unknown) => value,
    count: async () => ++seen.ended,
    size: async (text: string) => text.length,
    decline: async () => {
      throw new FlameMethodError("declined", "No.");
    },
    slow: defineMethod("slow", async (ctx) => {
      seen.started++;
      const aborted = new Promise<"aborted">((resolve) =>
        ctx.signal.addEventListener("abort", () => {
          seen.aborted++;
          resolve("aborted");
        }),
      );
      const how = await Promise.race([seen.released.promise, aborted]);
      if (how !== "aborted") seen.ended++;
      return "done";
    }),
  };
  return { seen, methods };
};

test("calls, errors and large values travel over one connection, without a request per call", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const requests = countRequests();
  const proxy = await startFaultProxy(runner.port, requests);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link", maxConcurrency: 100 });
  const work = flame.service("work", methods);
  const values = Array.from({ length: 100 }, (_, index) => ({ index, text: "x".repeat(index * 100) }));
  expect(await Promise.all(values.map((value) => work.echo(value)))).toEqual(values);
  const large = "y".repeat(3_000_000);
  expect(await work.echo(large)).toBe(large);
  expect(await failureOf(work.decline())).toMatchObject({ code: "remote_error", executed: "yes" });
  expect(await failureOf(flame.service("work", { missing: async () => 1 }).missing())).toMatchObject({
    code: "registry_error",
    executed: "no",
  });
  expect([requests.upgrades, requests.posts]).toEqual([1, 0]);
});

test("with auto, calls use requests until there is a link, and then the link", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const requests = countRequests();
  const proxy = await startFaultProxy(runner.port, requests);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "auto" });
  const work = flame.service("work", methods);
  await waitFor(
    async () => {
      const before = requests.posts;
      await work.echo(1);
      return requests.posts === before;
    },
    { what: "a call on the link" },
  );
  const { posts } = requests;
  await Promise.all(Array.from({ length: 50 }, () => work.echo(1)));
  expect([requests.upgrades, requests.posts]).toEqual([1, posts]);
});

test("with auto, a runner without an id is called by requests, because its address may stand for several", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const requests = countRequests();
  const proxy = await startFaultProxy(runner.port, requests);
  const { flame } = parentOf([{ url: proxy.url }], { transport: "auto" });
  for (let call = 0; call < 5; call++) await flame.service("work", methods).echo(call);
  expect(requests.upgrades).toBe(0);
  expect(requests.posts).toBeGreaterThanOrEqual(5);
});

test("a canceled call aborts its handler, and other calls on the link go on", async () => {
  const { methods, seen } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const { flame } = parentOf([{ id: "r1", url: runner.url }], { transport: "link" });
  const work = flame.service("work", methods);
  const abort = new AbortController();
  const canceled = failureOf(work.slow.with({ signal: abort.signal })());
  const other = work.slow();
  await waitFor(() => seen.started === 2, { what: "both handlers" });
  abort.abort();
  expect(await canceled).toMatchObject({ code: "canceled", executed: "unknown" });
  await waitFor(() => seen.aborted === 1, { what: "the handler to be aborted" });
  expect(await failureOf(work.slow.with({ timeoutMs: 100 })())).toMatchObject({ code: "timeout" });
  await waitFor(() => seen.aborted === 2, { what: "the handler to be aborted at its deadline" });
  seen.released.resolve();
  expect(await other).toBe("done");
});

test("small calls beside large arguments are answered before those have arrived", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const { flame } = parentOf([{ id: "r1", url: runner.url }], { transport: "link", maxConcurrency: 50 });
  const work = flame.service("work", methods);
  await work.echo(0);
  const ends: Array<string> = [];
  const large = Array.from({ length: 3 }, () => work.size("z".repeat(9_000_000)).then(() => ends.push("large")));
  for (let call = 0; call < 20; call++) {
    await work.echo(call);
    ends.push("small");
  }
  await Promise.all(large);
  expect(ends.indexOf("large")).toBeGreaterThanOrEqual(10);
});

test("a result over the limit of the caller is refused, and the link stays", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", { ...methods, big: async () => "b".repeat(600_000) });
  const requests = countRequests();
  const proxy = await startFaultProxy(runner.port, requests);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link" }, { maxBodyBytes: 100_000 });
  const work = flame.service("work", { ...methods, big: async () => "" });
  expect(await failureOf(work.big())).toMatchObject({ code: "payload_too_large", executed: "yes" });
  expect(await work.echo("small")).toBe("small");
  expect(requests.upgrades).toBe(1);
});

test("arguments over the limit of the runner are refused without running, and the link stays", async () => {
  const { methods, seen } = makeWork();
  const logger = { info: () => {}, warn: () => {}, error: () => {} };
  const host = createFlame({ mode: "runner", security: { secret }, logger, maxBodyBytes: 50_000 });
  onTestFinished(() => host.shutdown());
  host.service("work", methods);
  const runner = host.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
  onTestFinished(() => runner.stop({ drainTimeoutMs: 0 }));
  await runner.ready;
  const { flame } = parentOf([{ url: runner.url }], { transport: "link" });
  const work = flame.service("work", methods);
  expect(await failureOf(work.size("t".repeat(400_000)))).toMatchObject({ code: "payload_too_large", executed: "no" });
  expect(await work.count()).toBe(1);
  expect(seen.ended).toBe(1);
});

test("a runner that stops announces it: calls that it has finish, and the others go elsewhere", async () => {
  const { methods, seen } = makeWork();
  const first = await startStaticRunner("r1", methods);
  const second = await startStaticRunner("r2", methods);
  const { flame } = parentOf(
    [
      { id: "r1", url: first.url },
      { id: "r2", url: second.url },
    ],
    { transport: "link", healthCheckMs: Infinity },
  );
  const work = flame.service("work", methods);
  const slow = [work.slow(), work.slow()];
  await waitFor(() => seen.started === 2, { what: "a call on each runner" });
  const stopping = first.stop();
  await waitFor(() => flame.pools["default"]!.stats().runners.ejected === 1, {
    what: "the pool to learn that the runner stops",
  });
  const others = await Promise.all(Array.from({ length: 20 }, (_, call) => work.echo(call)));
  expect(others.length).toBe(20);
  seen.released.resolve();
  expect(await Promise.all(slow)).toEqual(["done", "done"]);
  await stopping;
});

const lone = async (env: Readonly<Record<string, string>> = {}) => {
  const runner = await startProcess({
    command: [process.execPath, fileURLToPath(new URL("./fixtures/link-runner.ts", import.meta.url))],
    env: { FLAME_MODE: "runner", FLAME_RUNNER_ID: "r1", FLAME_SECRET: secret, FLAME_HOST: "127.0.0.1", ...env },
  });
  onTestFinished(() => runner[Symbol.asyncDispose]());
  const [, url] = await runner.waitForOutput(/^ready (\S+)$/m);
  return Object.assign(runner, { url: url!, port: Number(new URL(url!).port) });
};

const remoteWork = { echo: async (value: unknown) => value, wait: async (_ms: number) => "waited" };

test("the death of a runner fails its calls at once, typed", async () => {
  const runner = await lone();
  const { flame } = parentOf([{ id: "r1", url: runner.url }], { transport: "link" });
  const work = flame.service("work", remoteWork);
  await work.echo(1);
  const waiting = failureOf(work.wait(60_000));
  await work.echo(2);
  const killedAt = performance.now();
  runner.kill("SIGKILL");
  expect(await waiting).toMatchObject({ code: "transport_error", executed: "unknown" });
  expect(performance.now() - killedAt).toBeLessThan(10_000);
  expect(await failureOf(work.echo.with({ timeoutMs: 2_000 })(3))).toMatchObject({ executed: "no" });
});

test("a stopped runner holds calls until their deadline, and the link goes on when it runs again", async () => {
  const runner = await lone();
  const requests = countRequests();
  const proxy = await startFaultProxy(runner.port, requests);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link", healthCheckMs: Infinity });
  const work = flame.service("work", remoteWork);
  await work.echo(1);
  const running = work.wait(100);
  runner.kill("SIGSTOP");
  expect(await failureOf(work.echo.with({ timeoutMs: 300 })(2))).toMatchObject({ code: "timeout" });
  // Longer than the parent needs to see that the link is silent.
  await waitFor(() => requests.upgrades > 1, { what: "an attempt to open another link" });
  runner.kill("SIGCONT");
  expect(await running).toBe("waited");
  expect(await work.echo(3)).toBe(3);
});

test("a connection that carries nothing any more is found within seconds, and replaced", async () => {
  const { methods, seen } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const freeze = freezeConnections();
  const proxy = await startFaultProxy(runner.port, freeze);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link" });
  const work = flame.service("work", methods);
  await work.echo(1);
  const lost = failureOf(work.slow());
  await waitFor(() => seen.started === 1, { what: "the handler" });
  freeze.open();
  expect(await lost).toMatchObject({ code: "transport_error", executed: "unknown" });
  expect(await work.echo(2)).toBe(2);
});

test("a proxy that refuses WebSockets is no obstacle with auto, and a clear error with link", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const requests = countRequests();
  const proxy = await startFaultProxy(runner.port, requests, refuseUpgrades());
  const auto = parentOf([{ id: "r1", url: proxy.url }], { transport: "auto" });
  const work = auto.flame.service("work", methods);
  for (let call = 0; call < 20; call++) expect(await work.echo(call)).toBe(call);
  expect(requests.upgrades).toBe(1);
  const only = parentOf([{ id: "r1", url: proxy.url }], { transport: "link", retryBudget: false });
  const failure = await failureOf(only.flame.service("work", methods).echo.with({ timeoutMs: 2_000 })(1));
  expect(failure).toMatchObject({ code: "transport_error", executed: "no" });
  expect(failure.message).toContain('transport "auto" or "http"');
});

test("a proxy that cuts WebSockets costs the calls on them, and later ones use requests", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const cuts = cutWebSockets(2_000);
  const proxy = await startFaultProxy(runner.port, cuts);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "auto" });
  const work = flame.service("work", methods);
  let failed = 0;
  for (let call = 0; call < 200; call++) {
    const end = await work.echo(call).catch((error: { code: string; executed: string }) => error);
    if (typeof end === "object") {
      expect(end).toMatchObject({ code: "transport_error" });
      failed++;
    }
  }
  expect(cuts.cut).toBeGreaterThan(0);
  expect(failed).toBeLessThanOrEqual(cuts.cut);
});

test("a changed byte on the way ends the link before the call is read, and the next one gets a new link", async () => {
  const { methods, seen } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const flips = flipBytes();
  const proxy = await startFaultProxy(runner.port, flips);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link" });
  const work = flame.service("work", methods);
  expect(await work.count()).toBe(1);
  flips.armed = true;
  expect(await failureOf(work.count())).toMatchObject({ code: "transport_error", executed: "unknown" });
  expect(flips.flipped).toBe(1);
  expect(seen.ended).toBe(1);
  expect(await work.count()).toBe(2);
});

test("a step of the parent's clock ends no call and no link", async () => {
  const { methods, seen } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const requests = countRequests();
  const proxy = await startFaultProxy(runner.port, requests);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link" });
  const work = flame.service("work", methods);
  onTestFinished(restoreClock);
  const slow = work.slow();
  await waitFor(() => seen.started === 1, { what: "the handler" });
  for (const stepMs of [3_600_000, -7_200_000]) {
    stepClock(stepMs);
    expect(await work.echo(stepMs)).toBe(stepMs);
  }
  seen.released.resolve();
  expect(await slow).toBe("done");
  expect(requests.upgrades).toBe(1);
});

/** Sends bytes over a connection of their own, and waits until the server has closed it. */
const sendAndWait = async (port: number, parts: ReadonlyArray<Buffer>): Promise<number> => {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  const startedAt = performance.now();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("data", () => {}).on("error", () => {});
  for (const part of parts) {
    socket.write(part);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await closed;
  return performance.now() - startedAt;
};

test("a recorded link executes nothing when it is sent again, and is closed", async () => {
  const { methods, seen } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const recorded = recordConnections();
  const proxy = await startFaultProxy(runner.port, recorded);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link" });
  const work = flame.service("work", methods);
  for (let call = 1; call <= 5; call++) expect(await work.count()).toBe(call);
  for (let again = 0; again < 3; again++) await sendAndWait(runner.port, recorded.connections[0]!);
  expect(seen.ended).toBe(5);
  expect(await work.count()).toBe(6);
});

const upgrade = Buffer.from(
  "GET /invoke/link HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
    "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: flame.1\r\n\r\n",
);

test("a WebSocket without HELLO is closed in time, and one with something else at once", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const masked = (payload: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x82, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
  const [silent, garbage] = await Promise.all([
    sendAndWait(runner.port, [upgrade]),
    sendAndWait(runner.port, [upgrade, masked(Buffer.from("this is no HELLO, but long enough to be one, perhaps"))]),
  ]);
  expect(garbage).toBeLessThan(silent);
});

test("a runner behind the path of a gateway has its links below that path", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const asked: Array<string> = [];
  const stripPrefix: Fault = () => ({
    request: (bytes) => {
      const text = bytes.toString("latin1");
      if (!text.startsWith("GET ")) return bytes;
      asked.push(text.split(" ")[1]!);
      return Buffer.from(text.replace(" /runners/one/", " /"), "latin1");
    },
  });
  const proxy = await startFaultProxy(runner.port, stripPrefix);
  const { flame } = parentOf([{ id: "r1", url: `${proxy.url}/runners/one` }], { transport: "link" });
  expect(await flame.service("work", methods).echo(1)).toBe(1);
  expect(asked).toEqual(["/runners/one/invoke/link"]);
});

test("other paths, other protocols and plain requests get no link", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const plain = await fetch(`${runner.url}/invoke/link`);
  expect(plain.status).toBe(426);
  await plain.text();
  const statusOf = async (text: string): Promise<string> => {
    const socket = connect(runner.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write(text);
    const [bytes] = (await once(socket, "data")) as [Buffer];
    return bytes.toString("latin1").split(" ")[1]!;
  };
  const text = upgrade.toString();
  expect(await statusOf(text.replace("/invoke/link", "/elsewhere"))).toBe("404");
  expect(await statusOf(text.replace("flame.1", "other.1"))).toBe("400");
  expect(await statusOf(text)).toBe("101");
});

test("a wrong secret is a signature error with every transport, and nothing runs", async () => {
  const { methods, seen } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  for (const transport of ["http", "auto", "link"] as const) {
    const config = {
      security: { secret: "another secret" },
      pools: { default: { runners: [{ id: "r1", url: runner.url }], transport } },
    };
    const { flame } = parentOf([], {}, config);
    expect(await failureOf(flame.service("work", methods).count()), transport).toMatchObject({
      code: "signature_error",
    });
  }
  expect(seen.ended).toBe(0);
});

test("a link for another runner is refused like a call for it", async () => {
  const { methods } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const { flame } = parentOf([{ id: "r2", url: runner.url }], { transport: "link" });
  const failure = await failureOf(flame.service("work", methods).count());
  expect(failure).toMatchObject({ code: "signature_error" });
  expect(failure.message).toContain("r2");
});

test("a key is rotated while links are open: old and new parents are served, and the old key can be dropped", async () => {
  const { methods } = makeWork();
  const logger = { info: () => {}, warn: () => {}, error: () => {} };
  const security = { keyId: "old", secret: "old secret", acceptKeys: [{ id: "new", secret: "new secret" }] };
  const host = createFlame({ mode: "runner", security, logger });
  onTestFinished(() => host.shutdown());
  host.service("work", methods);
  const runner = host.createRunnerServer({ port: 0, hostname: "127.0.0.1", runnerId: "r1", handleSignals: false });
  onTestFinished(() => runner.stop({ drainTimeoutMs: 0 }));
  await runner.ready;
  const pools = { default: { runners: [{ id: "r1", url: runner.url }], transport: "link" as const } };
  const old = parentOf([], {}, { security: { keyId: "old", secret: "old secret" }, pools });
  const work = old.flame.service("work", methods);
  await work.echo(1);
  const next = parentOf([], {}, { security: { keyId: "new", secret: "new secret" }, pools });
  expect(await next.flame.service("work", methods).echo(2)).toBe(2);
  expect(await work.echo(3)).toBe(3);
  const other = parentOf([], {}, { security: { keyId: "other", secret: "old secret" }, pools });
  expect(await failureOf(other.flame.service("work", methods).echo(4))).toMatchObject({ code: "signature_error" });
});

test("a detached call goes on when the link is lost, and one that is not is aborted", async () => {
  const { methods, seen } = makeWork();
  const runner = await startStaticRunner("r1", methods);
  const proxy = await startFaultProxy(runner.port);
  const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport: "link" });
  const work = flame.service("work", methods);
  const detached = failureOf(work.slow.with({ detached: true })());
  const attached = failureOf(work.slow());
  await waitFor(() => seen.started === 2, { what: "both handlers" });
  proxy.hold();
  await waitFor(() => seen.aborted === 1, { what: "the attached handler to be aborted" });
  seen.released.resolve();
  await waitFor(() => seen.ended === 1, { what: "the detached handler to end" });
  await proxy.leadTo(runner.port);
  expect(await attached).toMatchObject({ executed: "unknown" });
  expect(await detached).toMatchObject({ executed: "unknown" });
});

test("an idle link does not keep a process alive", async () => {
  const runner = await lone();
  const parent = await startProcess({
    command: [process.execPath, fileURLToPath(new URL("./fixtures/link-parent.ts", import.meta.url)), runner.url],
    env: { FLAME_SECRET: secret },
  });
  onTestFinished(() => parent[Symbol.asyncDispose]());
  await parent.waitForOutput(/^called$/m);
  expect(await parent.exited).toMatchObject({ code: 0 });
});

test("FLAME_DEBUG=link logs frames, and nothing of what they carry", async () => {
  const runner = await lone({ FLAME_DEBUG: "link" });
  const { flame } = parentOf([{ id: "r1", url: runner.url }], { transport: "link" });
  await flame.service("work", remoteWork).echo("a canary in the arguments");
  await runner.waitForOutput(/flame link runner received CALL call=1 head=\d+ body=\d+/);
  await runner.waitForOutput(/flame link runner sent ANSWER call=1 head=\d+ body=\d+/);
  expect(runner.output()).not.toContain("canary");
});
