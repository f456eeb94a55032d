/** Connections that are cut while idle and during a request: a call without a retry policy runs at most once. */
import { expect, onTestFinished, test } from "vitest";
import { defineMethod } from "../../src/index.ts";
import { type Fault, startFaultProxy } from "../harness/fault-proxy.ts";
import { faultless, openLedger } from "../harness/ledger.ts";
import { parentOf, startStaticRunner } from "../integration/static-runners.ts";
import { books, keepBusy, seeded, size } from "./setup.ts";

interface Cuts {
  /** Cut while idle. */
  idle: number;
  /** Cut after the last byte of a request was forwarded. */
  arrived: number;
  /** Cut before the last byte of a request was forwarded. */
  lost: number;
}

/** The last byte of a JSON body is a closing brace. A message on a link starts with the opcode of a binary frame. */
const endsCall = (bytes: Buffer): boolean => bytes.at(-1) === 0x7d || bytes[0] === 0x82;

test.each([
  { transport: "http", often: 1 },
  // A cut ends all calls on the link.
  { transport: "link", often: 0.3 },
] as const)(
  "no call runs twice when connections are cut while idle or during a request ($transport)",
  async ({ transport, often }) => {
    const chance = seeded();
    const { env, call, read } = books();
    const ledger = openLedger(env["CHAOS_LEDGER"]!);
    onTestFinished(() => ledger.close());
    const work = {
      once: defineMethod("once", async (ctx, id: string) => {
        ledger.execStart(id);
        await new Promise((resolve) => setTimeout(resolve, chance.whole(0, 3)));
        if (!ctx.signal.aborted) ledger.execEnd(id);
        return id;
      }),
    };
    const runner = await startStaticRunner("r1", work);

    const cuts: Cuts = { idle: 0, arrived: 0, lost: 0 };
    const cutAtRandom: Fault = (link) => {
      const cut = (): void => link.cut(chance() < 0.5 ? "reset" : "close");
      return {
        request: (bytes) => {
          const drawn = endsCall(bytes) ? chance() / often : 1;
          if (drawn >= 0.1) return bytes;
          if (drawn < 0.05) {
            cuts.lost++;
            cut();
          } else {
            cuts.arrived++;
            link.toServer(bytes, cut);
          }
          return undefined;
        },
        response: (bytes) => {
          if (chance() >= 0.15 * often) return bytes;
          link.toClient(bytes);
          // Immediately, while the client may be reusing the connection, or a few milliseconds later.
          const cutIdle = (): void => {
            cuts.idle++;
            cut();
          };
          if (chance() < 0.5) setImmediate(cutIdle);
          else setTimeout(cutIdle, chance.whole(0, 5));
          return undefined;
        },
      };
    };
    const proxy = await startFaultProxy(runner.port, cutAtRandom);

    const { flame } = parentOf([{ id: "r1", url: proxy.url }], { transport, maxConcurrency: 32, retryBudget: false });
    const { once } = flame.service("work", work);
    const calls = size({ long: 50_000, short: 3_000 });
    let made = 0;
    await keepBusy(
      24,
      () => made < calls,
      () => {
        const id = `call-${made++}`;
        return call(id, () => once.with({ timeoutMs: 20_000 })(id));
      },
    );

    const { outcomes, executions, ...report } = read();
    console.log(`${proxy.connections} connections, cut:`, cuts, Object.fromEntries(outcomes));
    expect(report).toEqual({ calls, ...faultless });
    for (const count of Object.values(cuts)) expect(count).toBeGreaterThan(0);
    expect(outcomes.get("transport_error")).toBeGreaterThan(0);
    expect(outcomes.get("ok")).toBeGreaterThan(calls / 3);
    expect(executions.size).toBeGreaterThan(calls / 3);
  },
);
