/** Checks a runner: that it is reachable, takes work, has the same secret and nearly the same time, and serves its metrics. */
import type { ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import type { SigningKey } from "../../contract/wire/signature.ts";
import { getField, isObject, getString } from "../json.ts";
import { duration } from "../terminal.ts";
import { ask, jsonIn } from "../unreachable.ts";
import { checkMetrics } from "./check-metrics.ts";
import { checkSignature } from "./check-signature.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";

/** A runner to look at. */
export interface RunnerQuestion {
  /** Base address, without a slash at its end. */
  readonly url: string;
  readonly audience: string | undefined;
  readonly invokePath: string;
  /** `undefined` when there is no secret to sign with. */
  readonly key: SigningKey | undefined;
  readonly windowMs: number;
  readonly connection: ResolvedConnection;
}

type Place = Pick<RunnerQuestion, "url" | "connection">;

const checkHealth = async ({ url, connection }: Place): Promise<Finding> => {
  const answer = await ask(`${url}/health`, { connection, base: url });
  if ("problem" in answer) return failed("reachable", answer.problem, answer.fix);
  const health = jsonIn(answer);
  const runnerId = getString(health, "runnerId");
  if (answer.status === 200 && runnerId !== undefined) {
    const upMs = Number(getField(health, "uptimeMs"));
    return ok("reachable", `runner ${runnerId}, up for ${duration(upMs)}`);
  }
  return failed(
    "reachable",
    `${url}/health answered ${answer.status}, and not as a runner of Firelight does`,
    "Check the address: another server listens there, or a proxy leads elsewhere.",
  );
};

const checkReady = async ({ url, connection }: Place): Promise<Finding> => {
  const answer = await ask(`${url}/ready`, { connection, base: url });
  if ("problem" in answer) return failed("ready", answer.problem, answer.fix);
  if (answer.status === 200) return ok("ready", "it takes work");
  const status = isObject(jsonIn(answer)) ? getString(jsonIn(answer), "status") : undefined;
  return status === "draining"
    ? failed(
        "ready",
        "it is draining: it finishes what it has and takes no new work",
        "That is as it should be while it is being stopped or replaced. If not, look for who sent it SIGTERM.",
      )
    : failed("ready", `/ready answered ${answer.status}`, "Look at the runner's log.");
};

/** Looks at one runner. When it cannot be reached, that is all there is to say. */
export const checkRunner = async (question: RunnerQuestion): Promise<ReadonlyArray<Finding>> => {
  const { url, key, ...rest } = question;
  const reachable = await checkHealth(question);
  if (reachable.verdict === "failed") return [reachable];
  const ready = await checkReady(question);
  const signature =
    key === undefined
      ? [
          skipped(
            "signature",
            "there is no secret to sign with",
            "Set FLAME_SECRET, or name another variable with --secret-env.",
          ),
        ]
      : await checkSignature({ url, key, ...rest });
  return [
    reachable,
    ready,
    ...signature,
    await checkMetrics(`${url}/metrics`, "runner", { connection: question.connection, base: url }),
  ];
};
