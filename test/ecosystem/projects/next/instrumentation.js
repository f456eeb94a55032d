/** Runs once per server: the place to configure process-wide state. */
export const register = async () => {
  if (process.env.NEXT_RUNTIME === "nodejs") await import("./lib/flame.js");
};
