import { expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { superviseRunner } from "../../../src/runner/lifecycle/supervision.ts";
import { startProcess } from "../../harness/start-process.ts";

test("superviseRunner does nothing in an unsupervised runner", () => {
  const supervision = superviseRunner({
    url: "http://127.0.0.1:1",
    port: 1,
    runnerId: "r1",
    env: {},
    onParentGone: () => {
      throw new Error("there is no parent to lose");
    },
  });
  supervision.starting("onRunnerStart");
  supervision.ready(undefined);
  expect(supervision.stop()).toBeUndefined();
});

test("a supervised runner without its parent's pipe exits with code 1 and says why", async () => {
  const runner = await startProcess({
    command: [process.execPath, fileURLToPath(new URL("../../backends/fixtures/runner.ts", import.meta.url))],
    env: {
      FLAME_SUPERVISED: "1",
      FLAME_PORT: "0",
      FLAME_HOST: "127.0.0.1",
      FLAME_RUNNER_ID: "r1",
      NODE_CHANNEL_FD: undefined,
    },
  });
  await runner.waitForOutput(/FLAME_SUPERVISED is set, but descriptor 3 is not the pipe of a parent/);
  expect((await runner.exited).code).toBe(1);
});
