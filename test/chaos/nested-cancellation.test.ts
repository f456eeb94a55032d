import { expect, test } from "vitest";
import { waitFor } from "../harness/wait-for.ts";
import { flame } from "../../src/index.ts";
import { Hop } from "../integration/fixtures/hop-services.ts";
import { startHops } from "../integration/hops.ts";
import { books, measureRounds, now, quantile } from "./setup.ts";

const levels = ["first", "second", "third"];

test("aborting 100 chains of 3 hops aborts every handler within 100 ms and frees every slot", async () => {
  const { allow } = books();
  const slots = 16;
  const { noted } = await startHops(levels, slots, { HOP_STARVED: "1" });
  const starvedMs = (): number =>
    levels.reduce((sum, level) => sum + Math.max(0, ...noted("starved", level).map(({ id }) => Number(id))), 0);

  const giveUp = async (round: string, chains: number): Promise<ReadonlyArray<number>> => {
    const of = (word: string, level?: string) => noted(word, level).filter(({ id }) => id.startsWith(round));
    const caller = new AbortController();
    const calls = Array.from({ length: chains }, (_, index) =>
      Hop.chain
        .with({ signal: caller.signal, timeoutMs: 60_000 })(`${round}-${index}`, 2)
        .then(
          () => "ok",
          (error: { code: string }) => error.code,
        ),
    );
    const begun = (level: string, count: number): Promise<unknown> =>
      waitFor(() => of("began", level).length === count, {
        what: `${count} handlers of ${level} to start`,
        timeoutMs: 20_000,
      });
    await Promise.all([begun("first", chains), begun("third", Math.min(chains, slots))]);
    const abortedAt = now();
    caller.abort();
    expect(await Promise.all(calls)).toEqual(calls.map(() => "canceled"));
    for (const level of levels) {
      await waitFor(() => of("aborted", level).length === of("began", level).length, {
        what: `all handlers of ${level} to be aborted`,
      });
    }
    return of("aborted").map(({ at }) => at - abortedAt);
  };
  await giveUp("warm-up", slots);
  const measured = await measureRounds(8, async (round) => {
    const lags = await giveUp(`round-${round}`, 100);
    const ms = quantile(lags, 0.99);
    const limitMs = allow(100) + starvedMs();
    console.log(
      `${lags.length} handlers of 100 chains were aborted after ${quantile(lags, 0.5).toFixed(1)} ms, p99 ${ms.toFixed(1)} ms, of ${limitMs.toFixed(1)} ms`,
    );
    return { ms, limitMs };
  });
  expect(measured.ms).toBeLessThanOrEqual(measured.limitMs);
  expect(flame.pools["default"]!.stats()).toMatchObject({ slotsUsed: 0, pending: 0 });
  const none = { slotsUsed: 0, pending: 0 };
  expect(await Hop.slots()).toEqual(none);
  expect(await Hop.slotsOfNext()).toEqual(none);
});
