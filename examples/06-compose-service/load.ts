/**
 * The load: orders at a steady rate, a report now and then, and faults that are
 * switched while it runs.
 *
 *   GET  /plan                                   what it does now
 *   PUT  /plan    { "crashes": 0.05 }            changes it
 *   POST /alerts                                 prints alerts, as Alertmanager and Grafana send them
 */
import { drawFault, changePlan, type LoadPlan, quietDay } from "./faults.ts";
import { json, listen, readJson, type Listening } from "./http.ts";

/** What came of the requests so far, by status. */
export type Outcomes = Readonly<Record<string, number>>;

export interface Load extends Listening {
  outcomes(): Outcomes;
}

export interface LoadOptions {
  readonly shopUrl: string;
  /** Changes to a quiet day, as JSON. */
  readonly plan?: string | undefined;
  readonly port: number;
  readonly hostname: string;
}

const tickMs = 50;
const reportEveryMs = 15_000;
const items: ReadonlyArray<string> = ["lamp", "chair", "teapot", "umbrella"];

interface AlertMessage {
  readonly alerts?: ReadonlyArray<{ readonly status: string; readonly labels: Readonly<Record<string, string>> }>;
}

/** Starts the load; it ends, once its requests have, when it is disposed of. */
export const startLoad = async ({ shopUrl, plan: changes, port, hostname }: LoadOptions): Promise<Load> => {
  let plan: LoadPlan = changePlan(quietDay, JSON.parse(changes || "{}"));
  const outcomes: Record<string, number> = {};
  const underWay = new Set<Promise<void>>();

  const post = (path: string, body: unknown): void => {
    const request = fetch(`${shopUrl}${path}`, { method: "POST", body: JSON.stringify(body) })
      .then(async (response) => {
        await response.text();
        return String(response.status);
      })
      .catch(() => "unreachable")
      .then((outcome) => {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        underWay.delete(request);
      });
    underWay.add(request);
  };

  let due = 0;
  const orders = setInterval(() => {
    for (due += (plan.callsPerSecond * tickMs) / 1000; due >= 1; due--) {
      const item = items[Math.floor(Math.random() * items.length)];
      post("/orders", { item, fault: drawFault(plan, Math.random()) });
    }
  }, tickMs);
  const reports = setInterval(() => post("/reports", { month: "2026-11" }), reportEveryMs);
  post("/reports", { month: "2026-10" });

  const server = await listen(
    {
      "GET /plan": () => json(plan),
      "PUT /plan": async (request) => {
        plan = changePlan(plan, await readJson(request));
        return json(plan);
      },
      "POST /alerts": async (request) => {
        for (const { status, labels } of ((await readJson(request)) as AlertMessage).alerts ?? []) {
          console.log(`alert ${status}: ${labels["alertname"]} ${JSON.stringify(labels)}`);
        }
        return json({});
      },
    },
    port,
    hostname,
  );
  return {
    url: server.url,
    outcomes: () => outcomes,
    [Symbol.asyncDispose]: async () => {
      clearInterval(orders);
      clearInterval(reports);
      await server[Symbol.asyncDispose]();
      await Promise.all(underWay);
    },
  };
};
