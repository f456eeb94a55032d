/** Watches the alerts of all drills: what Prometheus says of them, and what Alertmanager sends. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Pager, NotifiedAlert } from "../../test/stack/harness/alertmanager.ts";
import type { Labels, PrometheusApi } from "../../test/stack/harness/prometheus-api.ts";

/** An alert that was seen. */
export interface SeenAlert {
  readonly name: string;
  readonly severity: string;
  readonly labels: Labels;
  readonly pendingAtMs: number;
  firingAtMs: number | undefined;
  /** When Alertmanager sent it, and its text. */
  toldAtMs: number | undefined;
  told: NotifiedAlert | undefined;
  resolvedAtMs: number | undefined;
}

const lookEveryMs = 1_000;

const keyOf = (labels: Labels): string =>
  JSON.stringify(Object.entries(labels).toSorted(([one], [another]) => (one < another ? -1 : 1)));

export class AlertWatch {
  readonly #api: PrometheusApi;
  readonly #pager: Pager;
  readonly #seen = new Map<string, SeenAlert>();
  #read = 0;

  constructor(api: PrometheusApi, pager: Pager) {
    this.#api = api;
    this.#pager = pager;
  }

  /** Everything that was ever pending or firing, the oldest first. */
  get seen(): ReadonlyArray<SeenAlert> {
    return [...this.#seen.values()];
  }

  /** The alerts of some jobs. */
  of(jobs: ReadonlyArray<string>): ReadonlyArray<SeenAlert> {
    return this.seen.filter(({ labels }) => jobs.includes(labels["job"] ?? ""));
  }

  /** Looks once. */
  async look(): Promise<void> {
    const now = await this.#api.alerts();
    const atMs = Date.now();
    for (const { labels, state } of now) {
      const alert = this.#enter(labels, atMs);
      if (state === "firing") alert.firingAtMs ??= atMs;
    }
    const messages = this.#pager.notified.slice(this.#read);
    this.#read += messages.length;
    for (const sent of messages) {
      const alert = this.#enter(sent.labels, atMs);
      if (sent.status === "resolved") alert.resolvedAtMs = atMs;
      else {
        alert.toldAtMs ??= atMs;
        alert.told ??= sent;
      }
    }
  }

  /** Looks every second until the returned function is called; that says if it could not look. */
  keepLooking(): () => Promise<void> {
    const stop = new AbortController();
    const look = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        await this.look();
        await sleep(lookEveryMs);
      }
    };
    const looked = look().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    return async () => {
      stop.abort();
      const failed = await looked;
      if (failed !== undefined) throw failed.error;
    };
  }

  #enter(labels: Labels, atMs: number): SeenAlert {
    const key = keyOf(labels);
    const known = this.#seen.get(key);
    if (known !== undefined) return known;
    const alert: SeenAlert = {
      name: labels["alertname"] ?? "",
      severity: labels["severity"] ?? "",
      labels,
      pendingAtMs: atMs,
      firingAtMs: undefined,
      toldAtMs: undefined,
      told: undefined,
      resolvedAtMs: undefined,
    };
    this.#seen.set(key, alert);
    return alert;
  }
}
