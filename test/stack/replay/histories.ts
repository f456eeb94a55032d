/** The histories that the alerts are judged by: what happens, and what must come of it. */
import type { AlertName } from "../../../src/bundle/alert-names.ts";
import { externalSeries } from "../../../src/bundle/external-series.ts";
import { RecordedProcess, type Seconds } from "./recording.ts";
import type { Scraped } from "./replay.ts";
import { type SimulatedPool, simulatePool, warmRunners } from "./simulated-pool.ts";

const minute = 60;
const hour = 3_600;

export interface History {
  readonly name: string;
  /** What happens, in a sentence of the documentation. */
  readonly what: string;
  /** When the fault begins and ends, if it does; `undefined` if nothing is wrong. */
  readonly fault?: { readonly from: Seconds; readonly until: Seconds };
  /** The alerts that notify, at any scrape interval. Default: none. */
  readonly alerts?: ReadonlyArray<AlertName>;
  readonly make: () => Scraped;
}

const job = "shop";
const within = (at: Seconds, from: Seconds, until: Seconds): boolean => at >= from && at < until;

const healthy: Omit<SimulatedPool, "boots"> = {
  pool: "default",
  method: "shop/price",
  limit: 16,
  rate: () => 5,
  serviceSeconds: (_, random) => 0.1 + 0.2 * random(),
};

/** A parent with one pool whose runners are ready from the start. */
const parentOf = (
  instance: string,
  from: Seconds,
  until: Seconds,
  pool: Partial<SimulatedPool> = {},
  options: { readonly removed?: boolean; readonly seed?: number; readonly job?: string } = {},
): RecordedProcess => {
  const process = new RecordedProcess(options.job ?? job, instance, from, until, options.removed);
  const { limit } = { ...healthy, ...pool };
  simulatePool(process, { ...healthy, boots: warmRunners(process, limit), ...pool }, options.seed);
  return process;
};

/** A parent with a fault: what differs from `healthy` while it lasts. */
const faulty = (
  fault: { readonly from: Seconds; readonly until: Seconds },
  untilSeconds: Seconds,
  pool: (during: (at: Seconds) => boolean) => Partial<SimulatedPool>,
): Scraped => ({
  processes: [
    parentOf(
      "a:9464",
      0,
      untilSeconds + 1,
      pool((at) => within(at, fault.from, fault.until)),
    ),
  ],
  untilSeconds,
  evaluationSeconds: fault === noFault || untilSeconds > 3 * hour ? 60 : 30,
});

const lead = 65 * minute;
const faultOf = (from: Seconds, minutes: number) => ({ from, until: from + minutes * minute });

const noFault = faultOf(lead, 0);
const fourMinutes = faultOf(lead, 4);
const twentyMinutes = faultOf(2 * hour, 20);
const halfHour = faultOf(lead, 30);
const hours = faultOf(lead, 150);
const parentsDie = faultOf(3.5 * hour, 60);
const neverThere = { from: 0, until: Infinity };

export const histories: ReadonlyArray<History> = [
  {
    name: "first deploy",
    what: "A new service. Three boots fail, the next take 40 s; the calls of the first 10 s exceed their deadline of 30 s.",
    make: () => {
      const process = new RecordedProcess(job, "a:9464", 0, 2 * hour);
      const boots = [
        ...[0, 0.2, 0.6].map((at) => ({ at, seconds: 0.3, result: "error" as const })),
        ...[1, 1, 1, 1].map((at) => ({ at, seconds: 40, result: "ok" as const })),
      ];
      simulatePool(process, { ...healthy, boots, slotsPerRunner: 4 });
      return { processes: [process], untilSeconds: hour };
    },
  },
  {
    name: "rolling deploy",
    what: "Two parents are replaced, one after the other. Each new one boots for 3 s while calls wait.",
    make: () => {
      const until = lead + 30 * minute;
      const fresh = (instance: string, from: Seconds): RecordedProcess => {
        const process = new RecordedProcess(job, instance, from, until + 1);
        simulatePool(process, {
          ...healthy,
          slotsPerRunner: 4,
          boots: [0, 0, 0, 0].map(() => ({ at: from, seconds: 3, result: "ok" })),
        });
        return process;
      };
      return {
        processes: [
          parentOf("a:9464", 0, lead, {}, { removed: true }),
          parentOf("b:9464", 0, lead + 2 * minute, {}, { removed: true, seed: 2 }),
          fresh("c:9464", lead),
          fresh("d:9464", lead + 2 * minute),
        ],
        untilSeconds: until,
      };
    },
  },
  {
    name: "restart of Prometheus",
    what: "Prometheus is away for 3 minutes. The service is healthy.",
    make: () => ({ ...faulty(noFault, lead + 30 * minute, () => ({})), gaps: [[lead, lead + 3 * minute]] }),
  },
  {
    name: "low traffic",
    what: "Ten calls an hour; two of them fail.",
    make: () => {
      let calls = 0;
      return faulty(noFault, 4 * hour, () => ({
        rate: () => 10 / hour,
        outcome: () => ([15, 23].includes(++calls) ? "UNKNOWN" : "OK"),
      }));
    },
  },
  {
    name: "low traffic, all calls fail",
    what: "Ten calls an hour; all of them fail for two and a half hours.",
    fault: hours,
    alerts: ["FlameErrorBudgetBurnFast"],
    make: () =>
      faulty(hours, 4.5 * hour, (during) => ({
        rate: () => 10 / hour,
        outcome: (at) => (during(at) ? "UNKNOWN" : "OK"),
      })),
  },
  {
    name: "nightly batch",
    what: "A job of its own maps over many items for 40 minutes, with as many callers as slots, and exits.",
    make: () => {
      const [from, minutes] = [lead, 40];
      const until = from + minutes * minute;
      const batch = parentOf(
        "night:9464",
        from,
        until,
        {
          pool: "batch",
          method: "night/render",
          limit: 8,
          boots: Array.from({ length: 8 }, (_, index) => ({ at: from + index, seconds: 4, result: "ok" as const })),
          rate: () => 0,
          callers: { count: 8, from: from + 1, until: until - 30 },
          serviceSeconds: (_, random) => 10 + 10 * random(),
        },
        { job: "night" },
      );
      return { processes: [parentOf("a:9464", 0, 4 * hour), batch], untilSeconds: until + 80 * minute };
    },
  },
  {
    name: "one of two parents dies",
    what: "One parent dies and stays down. The other one gets all calls, and its pool is large enough.",
    make: () => ({
      processes: [
        parentOf("a:9464", 0, lead),
        parentOf("b:9464", 0, 3 * hour, { rate: (at) => (at < lead ? 5 : 10) }, { seed: 2 }),
      ],
      untilSeconds: lead + 70 * minute,
    }),
  },
  {
    name: "all parents die",
    what: "Both parents die and stay down for an hour.",
    fault: parentsDie,
    alerts: ["FlameMetricsAbsent"],
    make: () => ({
      processes: [
        parentOf("a:9464", 0, parentsDie.from),
        parentOf("b:9464", 0, parentsDie.from, {}, { seed: 2 }),
        parentOf("c:9464", parentsDie.until, 6 * hour),
      ],
      untilSeconds: parentsDie.until + 10 * minute,
    }),
  },
  {
    name: "pool at 90%",
    what: "Random calls keep 90% of ten slots busy. Some wait for a fraction of a second; none fails.",
    alerts: ["FlamePoolSaturationHigh"],
    make: () =>
      faulty(noFault, lead + hour, () => ({
        limit: 10,
        rate: () => 30,
        serviceSeconds: (_, random) => 0.15 + 0.3 * random(),
      })),
  },
  {
    name: "flapping load",
    what: "Load changes between 30% and 95% every 3 minutes. Calls wait for less than a second.",
    make: () =>
      faulty(noFault, lead + 75 * minute, () => ({
        limit: 10,
        rate: (at) => (Math.floor(at / 180) % 2 === 0 ? 30 : 95),
        serviceSeconds: (_, random) => 0.05 + 0.1 * random(),
      })),
  },
  {
    name: "flapping overload",
    what: "Load changes between 50% and 130% every 3 minutes, for an hour: calls wait for up to their deadline of 20 s, and some exceed it.",
    fault: faultOf(lead, 60),
    alerts: ["FlameErrorBudgetBurnFast"],
    make: () =>
      faulty(faultOf(lead, 60), lead + 2.5 * hour, (during) => ({
        limit: 10,
        rate: (at) => (during(at) && Math.floor((at - lead) / 180) % 2 === 0 ? 13 : 5),
        serviceSeconds: (_, random) => 0.5 + random(),
        deadlineSeconds: 20,
      })),
  },
  {
    name: "pool is full",
    what: "Load is 115% of the pool for half an hour: the queue of 100 calls fills up, calls wait for 10 s, and the rest is rejected.",
    fault: halfHour,
    alerts: ["FlamePoolSaturated", "FlameErrorBudgetBurnFast"],
    make: () =>
      faulty(halfHour, lead + 75 * minute, (during) => ({
        limit: 10,
        rate: (at) => (during(at) ? 11.5 : 5),
        serviceSeconds: (_, random) => 0.5 + random(),
        maxQueue: 100,
      })),
  },
  {
    name: "calls wait, none fails",
    what: "Forty callers share ten slots for half an hour. Each call waits for three others; none fails.",
    fault: halfHour,
    alerts: ["FlamePoolSaturated"],
    make: () =>
      faulty(halfHour, lead + 75 * minute, () => ({
        limit: 10,
        rate: (at) => (within(at, halfHour.from, halfHour.until) ? 0 : 5),
        callers: { count: 40, ...halfHour },
        serviceSeconds: (_, random) => 0.5 + random(),
      })),
  },
  {
    name: "collector never started",
    what: "Prometheus has a target for a collector, which never answers.",
    fault: neverThere,
    alerts: ["FlameTelemetryLoss"],
    make: () => ({
      ...faulty(noFault, hour, () => ({})),
      others: (moments) => [
        { name: "up", labels: { job: "collector", instance: "collector:8888" }, values: moments.map(() => 0) },
      ],
    }),
  },
  {
    name: "collector restarts",
    what: "A collector is replaced within a minute.",
    make: () => {
      const down = (at: Seconds): boolean => within(at, lead, lead + 50);
      const labels = { job: "collector", instance: "collector:8888" };
      const accepted = externalSeries.spansAccepted.name.replace("(_total)?", "");
      return {
        ...faulty(noFault, lead + 30 * minute, () => ({})),
        others: (moments) => [
          { name: "up", labels, values: moments.map((at) => (down(at) ? 0 : 1)) },
          {
            name: accepted,
            labels: { ...labels, receiver: "otlp", transport: "grpc" },
            values: moments.map((at) => (down(at) ? undefined : 10 * (at < lead ? at : at - lead))),
          },
        ],
      };
    },
  },
  {
    name: "one runner crashes",
    what: "One runner crashes. Some spans of its calls are lost; the calls are retried.",
    make: () =>
      faulty(noFault, lead + hour, () => ({
        crashes: [lead],
        lostShare: (at) => (within(at, lead, lead + 5) ? 1 : 0),
        outcome: (at) => (within(at, lead, lead + 1) ? "UNAVAILABLE" : "OK"),
        maxAttempts: 3,
      })),
  },
  {
    name: "short fault",
    what: "Half of the calls exceed their deadline for 4 minutes.",
    fault: fourMinutes,
    alerts: ["FlameErrorBudgetBurnFast"],
    make: () =>
      faulty(fourMinutes, lead + 75 * minute, (during) => ({
        limit: 64,
        deadlineSeconds: 2,
        serviceSeconds: (at, random) => (during(at) && random() < 0.5 ? 9 : 0.1 + 0.2 * random()),
      })),
  },
  {
    name: "short fault of few calls",
    what: "5% of the calls exceed their deadline for 4 minutes.",
    fault: fourMinutes,
    make: () =>
      faulty(fourMinutes, lead + 75 * minute, (during) => ({
        limit: 64,
        deadlineSeconds: 2,
        serviceSeconds: (at, random) => (during(at) && random() < 0.05 ? 9 : 0.1 + 0.2 * random()),
      })),
  },
  {
    name: "outage and recovery",
    what: "Handlers hang for 20 minutes: all calls exceed their deadline, the pool is full, calls wait. Then all is well.",
    fault: twentyMinutes,
    alerts: ["FlameErrorBudgetBurnFast"],
    make: () =>
      faulty(twentyMinutes, twentyMinutes.until + 1.5 * hour, (during) => ({
        deadlineSeconds: 10,
        serviceSeconds: (at, random) => (during(at) ? 60 : 0.1 + 0.2 * random()),
      })),
  },
  {
    name: "boots fail",
    what: "A bad release: the new parent's runners do not boot for half an hour, and all calls fail.",
    fault: halfHour,
    alerts: ["FlameErrorBudgetBurnFast"],
    make: () => {
      const until = lead + 75 * minute;
      const bad = new RecordedProcess(job, "b:9464", halfHour.from, halfHour.until, true);
      const boots = Array.from({ length: 60 }, (_, index) => ({
        at: halfHour.from + index * 30,
        seconds: 5,
        result: "error" as const,
      }));
      simulatePool(bad, { ...healthy, boots });
      return {
        processes: [
          parentOf("a:9464", 0, lead, {}, { removed: true }),
          bad,
          parentOf("c:9464", halfHour.until, until + 1, {}, { seed: 2 }),
        ],
        untilSeconds: until,
      };
    },
  },
  {
    name: "half of the attempts fail",
    what: "Half of all attempts fail for half an hour. Calls are retried until the retry budget is used up.",
    fault: halfHour,
    alerts: ["FlameErrorBudgetBurnFast"],
    make: () =>
      faulty(halfHour, lead + 75 * minute, (during) => ({
        maxAttempts: 3,
        rate: () => 20,
        outcome: (at, random) => (during(at) && random() < 0.5 ? "UNKNOWN" : "OK"),
      })),
  },
  {
    name: "crash loop",
    what: "A request that no runner survives comes every 20 s for half an hour. Other calls are retried.",
    fault: halfHour,
    alerts: ["FlameRunnerCrashLoop"],
    make: () =>
      faulty(halfHour, lead + 75 * minute, (during) => ({
        crashes: Array.from({ length: 90 }, (_, index) => halfHour.from + index * 20),
        maxAttempts: 3,
        lostShare: (at) => (during(at) && at % 20 < 2 ? 1 : 0),
        outcome: (at) => (during(at) && at % 20 < 0.5 ? "UNAVAILABLE" : "OK"),
      })),
  },
];
