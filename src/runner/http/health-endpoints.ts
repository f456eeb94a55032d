/**
 * What a runner says to whoever watches over it: that it lives, that it takes
 * work, what it measured; and what it says on any other path.
 */
import type { Admission } from "../request/admission.ts";
import { type Answer, json, lastOnConnection } from "./respond.ts";

/** Metrics in the format that they are served in. */
export interface MetricsText {
  text(): Promise<string>;
  readonly contentType: string;
}

export interface ProbesOptions {
  readonly runnerId: string;
  readonly admission: Admission;
  /** Left out when metrics are off. */
  readonly metrics: MetricsText | undefined;
}

export interface HealthEndpoints {
  /** Alive: 200 for as long as the process answers. */
  health(): Answer;
  /** 200 while invocations are taken, 503 until `onRunnerStart` is done and from the start of a drain. */
  ready(): Answer;
  metrics(): Promise<Answer>;
  /** For paths that lead nowhere. */
  notFound(): Answer;
}

/** Seconds after which a drained runner's successor may be there. */
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
        error: `Nothing is here. This is runner ${runnerId} of Firelight; see /health, /ready and /metrics.`,
      }),
  };
};

/** For a path that knows other methods than the one it was asked with. */
export const methodNotAllowed = (allow: string): Answer =>
  json(405, { error: `Use ${allow} on this path.` }, { allow });
