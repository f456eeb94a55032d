/** What a drill is: something that breaks, and everything that must be seen of it. */
import type { AlertName } from "../../src/bundle/alert-names.ts";
import type { Scene } from "./program/scene.ts";
import type { CallReport } from "./explained.ts";

/** A panel of a dashboard that an incident must move. */
export interface MovingPanel {
  /** The last part of the dashboard's uid, such as `pools`. */
  readonly dashboard: string;
  /** Its title. */
  readonly panel: string;
  /** Keeps to series with these labels. Default: all, of which the highest counts. */
  readonly where?: Readonly<Record<string, string>>;
  /** Whether the documentation shows a picture of it. Default `false`. */
  readonly pictured?: boolean;
  /** The value, in the panel's unit, that it is below before the incident, and reaches in it. */
  readonly reaches?: number;
  /** The value that it is above before, and at the end of the incident no more. One of the two is there. */
  readonly fallsTo?: number;
}

/** What breaks, once a drill's program is up and healthy. */
export interface Incident {
  break(): void | Promise<void>;
  /** What somebody would do about it at night. */
  heal(): void | Promise<void>;
}

/** A call whose trace tells the cause. */
export interface Clue {
  /** Whether a call of the list is worth a look: its outcome as in `rpc.status_code`. */
  readonly look: (call: ListedCall) => boolean;
  /** Describes the cause from the report of the call; `undefined` if the report does not show it. */
  readonly cause: (report: CallReport) => string | undefined;
}

/** No trace at all, of calls that the metrics count: their own way is broken, and `firelight doctor` says where. */
export interface Silence {
  /** What it says of the receiver. */
  readonly seen: RegExp;
}

/** A call as `firelight explain --list --json` has it. */
export interface ListedCall {
  readonly traceId: string;
  readonly invocationId: string;
  readonly method: string;
  readonly durationMs: number;
  readonly outcome: string;
  readonly attempts: number;
}

export interface Drill {
  /** Also the job that Prometheus scrapes it as, and the name of its pool. */
  readonly name: string;
  readonly title: string;
  /** What breaks, in a sentence. */
  readonly fault: string;
  /** The alert that must fire. */
  readonly alert: AlertName;
  /** Alerts that may fire as well. None of them is a page. */
  readonly mayFire: ReadonlyArray<AlertName>;
  readonly panels: ReadonlyArray<MovingPanel>;
  readonly clue: Clue | Silence;
  /** Whether its telemetry goes through a real collector, which is killed as the incident begins. Default `false`. */
  readonly killsCollector?: boolean;
  /** Sets the program up in the drill's own parent process, healthy and with traffic. */
  readonly stage: (scene: Scene) => Promise<Incident>;
}
