/**
 * Checks a runner: that it is reachable and ready, has the same secret and nearly the same time, and serves its
 * metrics.
 */
import type { ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import type { SigningKey } from "../../contract/wire/signature.ts";
import { getField, isObject, getString } from "../json.ts";
import { formatDuration } from "../../contract/format-numbers.ts";
import { ask, jsonIn } from "../unreachable.ts";
import { checkMetrics } from "./check-metrics.ts";
import { checkSignature } from "./check-signature.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";

/** A runner to check. */
export interface RunnerTarget {
  /** The base address, without a trailing slash. */
  readonly url: string;
  readonly audience: string | undefined;
  readonly invokePath: string;
  /** `undefined` if there is no secret. */
  readonly key: SigningKey | undefined;
  readonly windowMs: number;
  readonly connection: ResolvedConnection;
}

type Address = Pick<RunnerTarget, "url" | "connection">;

const checkHealth = async ({ url, connection }: Address): Promise<Finding> => {
  const answer = await ask(`${url}/health`, { connection, base: url });
  if ("problem" in answer) return failed("reachable", answer.problem, answer.fix);
  const health = jsonIn(answer);
  const runnerId = getString(health, "runnerId");
  if (answer.status === 200 && runnerId !== undefined) {
    const upMs = Number(getField(health, "uptimeMs"));
    return ok("reachable", `runner ${runnerId}, up for ${formatDuration(upMs)}`);
  }
  return failed(
    "reachable",
    `${url}/health responded ${answer.status}, but not like a Firelight runner`,
    "Check the address: another server listens there, or a proxy forwards to another one.",
  );
};

const checkReady = async ({ url, connection }: Address): Promise<Finding> => {
  const answer = await ask(`${url}/ready`, { connection, base: url });
  if ("problem" in answer) return failed("ready", answer.problem, answer.fix);
  if (answer.status === 200) return ok("ready", "it accepts calls");
  const status = isObject(jsonIn(answer)) ? getString(jsonIn(answer), "status") : undefined;
  return status === "draining"
    ? failed(
        "ready",
        "it is draining: it finishes its current calls and accepts no new ones",
        "This is expected while it is being stopped or replaced. Otherwise, find out what sent it SIGTERM.",
      )
    : failed("ready", `/ready responded ${answer.status}`, "Check the runner's log.");
};

/** Checks one runner. If it is unreachable, the other checks are left out. */
export const checkRunner = async (target: RunnerTarget): Promise<ReadonlyArray<Finding>> => {
  const { url, key, ...rest } = target;
  const reachable = await checkHealth(target);
  if (reachable.status === "failed") return [reachable];
  const ready = await checkReady(target);
  const signature =
    key === undefined
      ? [
          skipped(
            "signature",
            "no secret is configured",
            "Set FLAME_SECRET, or name another variable with --secret-env.",
          ),
        ]
      : await checkSignature({ url, key, ...rest });
  return [
    reachable,
    ready,
    ...signature,
    await checkMetrics(`${url}/metrics`, "runner", { connection: target.connection, base: url }),
  ];
};
