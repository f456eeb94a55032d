/**
 * Builds programs of `src`: `node build.mjs <bundler> <esm|cjs> <inlined|external> <folder> <program>…`. With `BANNER=0`,
 * esbuild gets no banner.
 */
import { resolve } from "node:path";

const [bundler, format, packages, to, ...programs] = process.argv.slice(2);
const outdir = resolve(to);
const external = packages === "external";
const extension = format === "cjs" ? ".cjs" : ".mjs";
const entries = Object.fromEntries(programs.map((name) => [name, resolve(`src/${name}.ts`)]));
/** Packages that are external in every bundle, because they register process-wide globals. */
const alwaysExternal = ["@opentelemetry/api"];
const isExternal = (id) => alwaysExternal.includes(id) || (external && /^firelight(\/|$)/.test(id));

const builders = {
  esbuild: async () => {
    const { build } = await import("esbuild");
    await build({
      entryPoints: entries,
      outdir,
      bundle: true,
      platform: "node",
      format,
      target: "node22",
      minify: true,
      outExtension: { ".js": extension },
      external: external ? [...alwaysExternal, "firelight", "firelight/*"] : alwaysExternal,
      ...(format === "esm" && process.env.BANNER !== "0"
        ? {
            banner: {
              js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
            },
          }
        : {}),
      logLevel: "warning",
    });
  },
  rollup: async () => {
    const { rollup } = await import("rollup");
    const { nodeResolve } = await import("@rollup/plugin-node-resolve");
    const { default: commonjs } = await import("@rollup/plugin-commonjs");
    const { default: json } = await import("@rollup/plugin-json");
    const { transform } = await import("esbuild");
    const typescript = {
      name: "typescript",
      transform: async (code, id) =>
        id.endsWith(".ts") ? transform(code, { loader: "ts", target: "es2022", sourcemap: true }) : undefined,
    };
    const bundle = await rollup({
      input: entries,
      external: (id) => id.startsWith("node:") || isExternal(id),
      plugins: [nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs(), json(), typescript],
      onwarn: (warning, warn) => {
        if (warning.code !== "CIRCULAR_DEPENDENCY" && warning.code !== "THIS_IS_UNDEFINED") warn(warning);
      },
    });
    await bundle.write({
      dir: outdir,
      format,
      entryFileNames: `[name]${extension}`,
      chunkFileNames: `[name]-[hash]${extension}`,
    });
    await bundle.close();
  },
  webpack: async () => {
    const { default: webpack } = await import("webpack");
    await run(webpack(packed()));
  },
  rspack: async () => {
    const { rspack } = await import("@rspack/core");
    await run(rspack(packed()));
  },
  vite: async () => {
    const { build } = await import("vite");
    await build({
      configFile: false,
      logLevel: "warn",
      ssr: { noExternal: external ? [] : true, external: alwaysExternal },
      build: {
        ssr: true,
        outDir: outdir,
        target: "node22",
        rollupOptions: { input: entries, output: { format, entryFileNames: `[name]${extension}` } },
      },
    });
  },
};

const packed = () => ({
  mode: "production",
  target: "node22",
  devtool: false,
  entry: entries,
  experiments: format === "esm" ? { outputModule: true } : {},
  output: {
    path: outdir,
    filename: `[name]${extension}`,
    chunkFilename: `[name]-[contenthash]${extension}`,
    ...(format === "esm"
      ? { module: true, chunkFormat: "module", library: { type: "module" } }
      : { library: { type: "commonjs2" } }),
  },
  resolve: { extensionAlias: { ".js": [".ts", ".js"] } },
  externalsType: format === "esm" ? "module" : "commonjs",
  externals: [({ request }, done) => (isExternal(request) ? done(null, request) : done())],
  module: { rules: [{ test: /\.ts$/, exclude: /node_modules/, loader: resolve("ts-loader.cjs") }] },
});

const run = (compiler) =>
  new Promise((done, fail) => {
    compiler.run((error, stats) => {
      if (error) return fail(error);
      if (stats.hasErrors() || stats.hasWarnings()) console.error(stats.toString({ preset: "errors-warnings" }));
      compiler.close(() => (stats.hasErrors() ? fail(new Error("The build has errors.")) : done()));
    });
  });

await builders[bundler]();
