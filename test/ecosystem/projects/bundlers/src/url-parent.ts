/** A parent whose runner entry is a URL of the sources, which does not exist in the bundler's output. */
import { flame } from "firelight";
import { processBackend } from "firelight/backends/process";
import { hello } from "./services.ts";

const main = async (): Promise<void> => {
  const backend = processBackend({ entry: new URL("./runner.ts", import.meta.url) });
  await flame.configure({ pools: { default: { max: 2 } }, backend });
  console.log(await hello("Ada"));
};

main()
  .catch((error: Error) => console.log(`${error.name}: ${error.message}`))
  .finally(() => flame.shutdown());
