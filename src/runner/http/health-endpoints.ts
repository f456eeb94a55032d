/** The endpoints for health checks and metrics, and the responses of all other paths. */
import type { Admission } from "../request/admission.ts";
import { type Answer, json, lastOnConnection } from "./respond.ts";

/** Metrics in their exposition format. */
export interface MetricsText {
  text(): Promise<string>;
  readonly contentType: string;
}

export interface ProbesOptions {
  readonly runnerId: string;
  readonly admission: Admission;
  /** Left out if metrics are off. */
  readonly metrics: MetricsText | undefined;
}

export interface HealthEndpoints {
  /** Liveness: 200 as long as the process responds. */
  health(): Answer;
  /**
   * Readiness: 200 while the runner accepts invocations, 503 until `onRunnerStart` has finished and from the start of a
   * drain.
   */
  ready(): Answer;
  metrics(): Promise<Answer>;
  /** For unknown paths. */
  notFound(): Answer;
}

/** Delay after which the successor of a drained runner may be ready, in seconds. */
const retryAfterSeconds = "1";

export const makeHealthEndpoints = ({ runnerId, admission, metrics }: ProbesOptions): HealthEndpoints => {
  const startedAt = performance.now();
  return {
    health: () => json(200, { status: "ok", runnerId, uptimeMs: Math.round(performance.now() - startedAt) }),
    ready: () =>
      admission.draining || admission.starting
        ? lastOnConnection(
            json(
              503,
              { status: admission.draining ? "draining" : "starting", runnerId },
              { "retry-after": retryAfterSeconds },
            ),
          )
        : json(200, { status: "ready", runnerId, rssBytes: process.memoryUsage.rss() }),
    metrics: async () =>
      metrics === undefined
        ? json(404, {
            error:
              "Metrics are off on this runner. Set telemetry.metrics to true, or to a registry, to serve them here.",
          })
        : { status: 200, headers: { "content-type": metrics.contentType }, body: await metrics.text() },
    notFound: () =>
      json(404, {
        error: `Not found. This is runner ${runnerId} of Firelight; see /health, /ready and /metrics.`,
      }),
  };
};

/** For a path that does not support the HTTP method. */
export const methodNotAllowed = (allow: string): Answer =>
  json(405, { error: `Use ${allow} on this path.` }, { allow });
