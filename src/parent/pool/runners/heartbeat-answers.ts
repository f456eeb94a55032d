/** What runners answer to heartbeats. One that refuses them ends itself before long, and its parent should know why. */
import type { FlameErrorCode } from "../../../contract/errors.ts";
import type { Telemetry } from "../../../telemetry/telemetry.ts";

/** Why a heartbeat was not accepted. */
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
  /** Of runners whose last answer was a refusal. */
  readonly #refused = new WeakMap<object, Refused>();

  constructor(pool: string, telemetry: Pick<Telemetry, "emit">) {
    this.#pool = pool;
    this.#telemetry = telemetry;
  }

  /** A runner has answered a heartbeat: accepted, or with a refusal. */
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

  /** What its heartbeats have to do with a runner's end; `undefined` for nothing. */
  explain(runner: object): string | undefined {
    const refused = this.#refused.get(runner);
    if (refused === undefined) return undefined;
    const { count, last } = refused;
    return `it had refused ${count === 1 ? "the last heartbeat" : `the last ${count} heartbeats`} of this parent: ${last.message}`;
  }
}
