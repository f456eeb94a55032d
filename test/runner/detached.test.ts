import { describe, expect, test } from "vitest";
import { fact, send, sign, startRunner } from "./runner-client.ts";

/** A runner with one detached invocation whose caller has disconnected. */
const startDetached = async (timeoutMs = 5_000) => {
  const started = fact<AbortSignal>();
  const release = fact<string>();
  const runner = await startRunner({
    handlers: {
      hold: (context) => {
        started.settle(context.signal);
        return release.promise;
      },
      quick: () => "quick",
    },
  });
  const caller = new AbortController();
  const sent = send(runner, sign("test/hold", [], { detached: true, timeoutMs }), { signal: caller.signal });
  const signal = await started.promise;
  caller.abort();
  await expect(sent).rejects.toThrow();
  const ended = () => runner.events.flatMap((event) => (event._tag === "ServerEnded" ? [event] : []));
  const running = async () => (await fetch(`${runner.server.url}/ready`)).status;
  return { runner, release, signal, ended, running };
};

describe("a detached invocation", () => {
  test("keeps running when its caller disconnects, and is recorded with its own outcome", async () => {
    const { runner, release, signal, ended } = await startDetached();
    for (let request = 0; request < 3; request++) expect((await send(runner, sign("test/quick", []))).status).toBe(200);
    expect(signal.aborted).toBe(false);
    release.settle("finished");
    await expect
      .poll(() => ended().filter(({ method }) => method === "test/hold"))
      .toMatchObject([{ error: undefined }]);
    expect(signal.aborted).toBe(false);
    expect(runner.logs).toEqual([]);
  });

  test("times out at its deadline", async () => {
    const { signal, ended } = await startDetached(150);
    await expect.poll(() => signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: "timeout" });
    await expect.poll(ended).toMatchObject([{ error: { code: "timeout" } }]);
  });

  test("is awaited by a drain, and aborted at its end", async () => {
    const waited = await startDetached();
    const stopped = waited.runner.server.stop({ drainTimeoutMs: 5_000 });
    expect(await waited.running()).toBe(503);
    waited.release.settle("finished");
    await stopped;
    expect(waited.signal.aborted).toBe(false);

    const cut = await startDetached();
    await cut.runner.server.stop({ drainTimeoutMs: 20 });
    expect(cut.signal.aborted).toBe(true);
    expect(cut.signal.reason).toMatchObject({ code: "canceled" });
  });

  test("returns its result to a caller that stays connected", async () => {
    const runner = await startRunner({ handlers: { hello: () => "hi" } });
    expect((await send(runner, sign("test/hello", [], { detached: true }))).status).toBe(200);
  });

  test('is rejected when "detached" was added to the request in transit', async () => {
    const runner = await startRunner({ handlers: { hello: () => "hi" } });
    const request = sign("test/hello", []);
    const reply = await send(runner, request, {
      headers: { "x-flame-request": `${request.headers["x-flame-request"]} detached` },
    });
    expect(reply.status).toBe(401);
  });
});
