/** The load: calls that come when they come, whether or not the earlier ones have ended. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Ledger } from "./ledger.ts";
import { Jobs } from "./services.ts";

export interface LoadPhase {
  readonly name: string;
  readonly callsPerSecond: number;
  readonly lastsMs: number;
}

/** Four runners with four slots each and calls of 100 ms can do 160 calls a second. */
export const phases: ReadonlyArray<LoadPhase> = [
  { name: "trickle", callsPerSecond: 5, lastsMs: 1_500 },
  { name: "burst", callsPerSecond: 100, lastsMs: 3_500 },
  { name: "lull", callsPerSecond: 5, lastsMs: 2_000 },
  { name: "flood", callsPerSecond: 300, lastsMs: 2_500 },
];

const workMs = 100;

/** One call in so many hangs; its deadline ends it. */
const hangsEvery = 80;
const hangsForMs = 60_000;
const hangTimeoutMs = 1_000;

const makeCall = (index: number): Promise<void> => {
  if (index % hangsEvery === hangsEvery - 1) return Jobs.charge.with({ timeoutMs: hangTimeoutMs })(hangsForMs);
  return index % 2 === 0 ? Jobs.render(workMs) : Jobs.charge(workMs);
};

/** Plays all phases; settles when every call has ended. */
export const playLoad = async (ledger: Ledger, onPhase: (phase: LoadPhase) => void): Promise<void> => {
  const calls: Array<Promise<void>> = [];
  for (const phase of phases) {
    onPhase(phase);
    const startedAt = performance.now();
    const first = calls.length;
    for (let elapsed = 0; elapsed < phase.lastsMs; elapsed = performance.now() - startedAt) {
      const due = first + Math.floor((elapsed / 1000) * phase.callsPerSecond) + 1;
      while (calls.length < due) calls.push(ledger.enter(makeCall(calls.length)));
      await sleep(10);
    }
  }
  await Promise.all(calls);
};
