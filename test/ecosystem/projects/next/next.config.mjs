import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));

/** @type {import("next").NextConfig} */
export default {
  ...(process.env.INLINED === "1" ? {} : { serverExternalPackages: ["firelight"] }),
  distDir: process.env.DIST ?? ".next",
  turbopack: { root },
  outputFileTracingRoot: root,
};
