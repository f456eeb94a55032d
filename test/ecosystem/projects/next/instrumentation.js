/** Runs once per server: the place to configure what the whole process has. */
export const register = async () => {
  if (process.env.NEXT_RUNTIME === "nodejs") await import("./lib/flame.js");
};
