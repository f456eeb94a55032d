/**
 * Tracks the answers of runners to heartbeats. A runner that rejects them soon exits, and its parent must report why.
 */
import type { FlameErrorCode } from "../../../contract/errors.ts";
import type { Telemetry } from "../../../telemetry/telemetry.ts";

/** Why a heartbeat was rejected. */
export interface HeartbeatRefusal {
  readonly code: FlameErrorCode;
  readonly message: string;
}

interface Refused {
  count: number;
  last: HeartbeatRefusal;
}

export class HeartbeatAnswers {
  readonly #pool: string;
  readonly #telemetry: Pick<Telemetry, "emit">;
  /** By runner, if its last answer was a rejection. */
  readonly #refused = new WeakMap<object, Refused>();

  constructor(pool: string, telemetry: Pick<Telemetry, "emit">) {
    this.#pool = pool;
    this.#telemetry = telemetry;
  }

  /** A runner has accepted or rejected a heartbeat. */
  answered(runner: { readonly id: string }, refusal: HeartbeatRefusal | undefined): void {
    if (refusal === undefined) {
      this.#refused.delete(runner);
      return;
    }
    const count = (this.#refused.get(runner)?.count ?? 0) + 1;
    this.#refused.set(runner, { count, last: refusal });
    const { code, message } = refusal;
    const { id: runnerId } = runner;
    this.#telemetry.emit({
      _tag: "HeartbeatRefused",
      by: "parent",
      pool: this.#pool,
      runnerId,
      code,
      detail: message,
      count,
    });
  }

  /** How rejected heartbeats explain the exit of a runner; `undefined` if they do not. */
  explain(runner: object): string | undefined {
    const refused = this.#refused.get(runner);
    if (refused === undefined) return undefined;
    const { count, last } = refused;
    return `it rejected ${count === 1 ? "the last heartbeat" : `the last ${count} heartbeats`} of this parent: ${last.message}`;
  }
}
