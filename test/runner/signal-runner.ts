/**
 * A runner process for the signal tests. Its only method runs until a line arrives
 * on standard input. It prints its URL first, and then its progress, to standard output.
 */
import { once } from "node:events";
import { resolveConfig } from "../../src/contract/config/resolve-config.ts";
import { createRegistry } from "../../src/contract/api/registry.ts";
import { createRunnerServer } from "../../src/runner/server.ts";
import { noTelemetry } from "../../src/telemetry/telemetry.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const registry = createRegistry();
const hold = async (): Promise<void> => {
  say("running");
  await once(process.stdin, "data");
};
registry.register("test", [{ id: "hold", options: {}, handler: hold, invoke: hold }]);

const server = createRunnerServer(
  {
    config: resolveConfig({ mode: "runner", security: { secret: "a secret for tests" } }, {}),
    registry,
    telemetry: noTelemetry,
    logger: { info: say, warn: say, error: say },
    env: {},
  },
  { port: 0, hostname: "127.0.0.1" },
);
// Like the handler of a program that does not know of the runner.
if (process.argv.includes("--exits")) process.on("SIGTERM", () => process.exit(0));
await server.ready;
say(server.url);
