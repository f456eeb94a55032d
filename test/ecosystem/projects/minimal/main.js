import { createFlame } from "firelight";

const flame = createFlame({ mode: "local" });
const hello = flame.fn("hello", async (name) => `Hello, ${name}.`);
console.log(await hello("Ada"));
await flame.shutdown();
