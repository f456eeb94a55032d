import { dirname, join } from "node:path";
import { ConfigError, flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { hello, Numbers } from "./services.ts";

/** The runner's bundle is next to this one. Independent of how a bundler transforms `import.meta.url`. */
const entry = process.env["ENTRY"] ?? join(dirname(process.argv[1]!), process.argv[1]!.replace(/^.*parent/, "runner"));

const main = async (): Promise<void> => {
  await flame.configure({
    pools: { default: { max: 2 } },
    backend: processBackend({ entry }),
  });
  const answer = await hello("Ada");
  const [, pid] = /from (\d+)/.exec(answer) ?? [];
  console.log(answer.replace(/\d+/, Number(pid) === process.pid ? "here" : "a runner"));
  console.log(await Numbers.square(7), await Numbers.heavy(1), await Numbers.apart(1));
  const lines = (await flame.metrics()).split("\n").length;
  console.log(lines > 100 ? "metrics" : "no metrics");
  await flame.shutdown();
};

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? `ConfigError: ${error.message}` : error);
  process.exitCode = 1;
});
