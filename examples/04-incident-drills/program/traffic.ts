/** Traffic: calls that come when they come, and callers that wait for one answer before they ask for the next. */
import { setTimeout as sleep } from "node:timers/promises";
import { FlameError } from "firelight";

type MakeCall = () => Promise<unknown>;

/** Waits for a call. Its telemetry records the outcome. Errors that are not Firelight's are bugs and are rethrown. */
const settle = async (call: Promise<unknown>): Promise<void> => {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof FlameError)) throw error;
  }
};

/** Traffic that can be changed and stopped. */
export interface Traffic {
  /** Calls a second, or callers. */
  level: number;
}

export class Crowd {
  readonly #underWay = new Set<Promise<void>>();
  #open = true;

  /** So many calls a second, evenly, whether or not the earlier ones have ended. */
  arrivals(perSecond: number, call: MakeCall): Traffic {
    const traffic: Traffic = { level: perSecond };
    this.#keep(this.#arrive(traffic, call));
    return traffic;
  }

  /** So many callers, each with one call after the other. */
  callers(count: number, call: MakeCall): Traffic {
    const traffic: Traffic = { level: count };
    this.#keep(this.#ask(traffic, call));
    return traffic;
  }

  /** Does something again and again, such as a burst of calls and a pause. */
  repeat(burst: () => Promise<void>): void {
    const go = async (): Promise<void> => {
      while (this.#open) await burst();
    };
    this.#keep(go());
  }

  /** No more calls; settles when all have ended. */
  async leave(): Promise<void> {
    this.#open = false;
    await Promise.all(this.#underWay);
  }

  async #arrive(traffic: Traffic, call: MakeCall): Promise<void> {
    let due = performance.now();
    while (this.#open) {
      this.#keep(settle(call()));
      due += 1_000 / traffic.level;
      await sleep(Math.max(1, due - performance.now()));
    }
  }

  async #ask(traffic: Traffic, call: MakeCall): Promise<void> {
    let asking = 0;
    while (this.#open) {
      while (asking < traffic.level) {
        asking++;
        this.#keep(settle(call()).finally(() => asking--));
      }
      await sleep(2);
    }
  }

  #keep(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }
}
