/** A parent that names its runner by a URL of the sources, which no bundler's output has. */
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
