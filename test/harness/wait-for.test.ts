import { expect, test } from "vitest";
import { waitFor } from "./wait-for.ts";

test("waitFor retries while the condition is falsy or throws, and returns its first truthy value", async () => {
  let looks = 0;
  const value = await waitFor(
    async () => {
      looks += 1;
      if (looks === 1) throw new Error("not there");
      return looks === 3 && "there";
    },
    { what: "the third try", everyMs: 1 },
  );
  expect(value).toBe("there");
});

test("waitFor times out with an error that names what it waited for and the last result", async () => {
  const cause = new Error("refused");
  const waiting = waitFor(
    () => {
      throw cause;
    },
    { what: "the port", timeoutMs: 20, everyMs: 1 },
  );
  await expect(waiting).rejects.toMatchObject({
    message: "Timed out after 20 ms waiting for the port; last result: it threw Error: refused.",
    cause,
  });
});
