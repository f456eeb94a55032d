/** Methods that the parent calls. */
import { defineMethod, flame } from "firelight";

let ownUrl;

/** Starts a user's server in the runner's process. */
export const startOwnServer = (createServer) =>
  new Promise((resolve) => {
    const server = createServer((_request, response) => response.end("own"));
    server.listen(0, "127.0.0.1", () => {
      ownUrl = `http://127.0.0.1:${server.address().port}/own`;
      resolve();
    });
    server.unref();
  });

export const work = flame.service("work", {
  /** Requests the upstream server. Returns the received headers, the trace context and the pid. */
  fetchIt: defineMethod("fetchIt", async (ctx, url) => {
    const response = await fetch(url);
    return { pid: process.pid, trace: ctx.trace, upstream: await response.json() };
  }),
  ownUrl: async () => ownUrl,
  pid: async () => process.pid,
  slow: defineMethod("slow", async (ctx, ms) => {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      ctx.signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    return process.pid;
  }),
  dieFirst: defineMethod("dieFirst", async (ctx) => {
    if (ctx.attempt === 1) process.kill(process.pid, "SIGKILL");
    return ctx.attempt;
  }),
});
