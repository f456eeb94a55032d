/** Interval and effects of health checks. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { flame } from "../../src/index.ts";
import { isAlive } from "../harness/start-process.ts";
import { waitFor } from "../harness/wait-for.ts";
import { loneBackend } from "./fixtures/lone-backend.ts";
import { notes, silent } from "./setup.ts";
import { parentOf } from "./static-runners.ts";

test.each([2 ** 31, Number.MAX_VALUE])(
  "a healthCheckMs of %d, beyond the limit of timers, causes no immediate check",
  async (healthCheckMs) => {
    let looks = 0;
    const server = createServer((_request, response) => {
      looks++;
      response.end("{}");
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await waitFor(() => server.listening, { what: "the server to listen" });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { flame: parent } = parentOf([{ url }], { healthCheckMs });
    expect(parent.pools["default"]!.stats().runners.idle).toBe(1);
    const until = performance.now() + 500;
    await waitFor(() => looks > 0 || performance.now() > until, { what: "time to pass" });
    expect(looks).toBe(0);
  },
);

test("replaces a runner that exceeds recycle.maxRssBytes when the backend has its own healthCheck", async () => {
  const pids: Array<number> = [];
  onTestFinished(async () => {
    await flame.shutdown();
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  const backend = {
    ...loneBackend((pid) => pids.push(pid), { LONE_RUNNER_LOG: notes().file }),
    healthCheck: async () => true,
  };
  const pool = { min: 1, backend, healthCheckMs: 100, recycle: { maxRssBytes: 1 } };
  await flame.configure({ mode: "parent", logger: silent, pools: { default: pool } });
  await waitFor(() => pids.length > 1 && !isAlive(pids[0]!), {
    what: "the runner to be replaced",
    timeoutMs: 20_000,
  });
});
