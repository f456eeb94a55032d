/** Strips types, for webpack and rspack. */
const { transform } = require("esbuild");

module.exports = function (source) {
  const done = this.async();
  transform(source, { loader: "ts", target: "es2022" }).then(({ code }) => done(null, code), done);
};
