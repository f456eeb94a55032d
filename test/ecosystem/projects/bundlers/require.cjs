/** CommonJS without a bundler: Node and Bun load the package's ES modules with `require`. */
const { createFlame } = require("firelight");
const { processBackend } = require("firelight/backends/process");

const flame = createFlame({ mode: "local" });
const hello = flame.fn("hello", async (name) => `Hello, ${name}; ${typeof processBackend}.`);
hello("Ada")
  .then(console.log)
  .finally(() => flame.shutdown());
