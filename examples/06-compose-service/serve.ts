/** The entry points of the containers: `node serve.ts shop` and `node serve.ts load`. */
import { startLoad } from "./load.ts";
import { startShop } from "./shop.ts";

const env = (name: string): string | undefined => process.env[name];
const place = { port: Number(env("PORT") ?? 9464), hostname: env("HOST") ?? "0.0.0.0" };

const starts: Readonly<Record<string, () => Promise<AsyncDisposable & { readonly url: string }>>> = {
  shop: () => startShop({ ...place, runners: env("RUNNERS") }),
  load: () => startLoad({ ...place, shopUrl: env("SHOP_URL") ?? "http://localhost:9464", plan: env("PLAN") }),
};

const name = process.argv[2] ?? "";
const start = starts[name];
if (start === undefined) throw new Error(`Say what to serve: ${Object.keys(starts).join(" or ")}.`);

const served = await start();
console.log(`${name} at ${served.url}`);
process.once("SIGTERM", async () => {
  await served[Symbol.asyncDispose]();
  process.exit(0);
});
