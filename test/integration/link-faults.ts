/** Faults of what stands between a parent and a runner, for links. */
import type { Fault } from "../harness/fault-proxy.ts";

const isUpgrade = (bytes: Buffer): boolean => /\r\nupgrade: websocket\r\n/i.test(bytes.toString("latin1"));

/** Counts upgrades and other requests. */
export const countRequests = () => {
  const counter = Object.assign<Fault, { upgrades: number; posts: number }>(
    () => ({
      request: (bytes) => {
        if (isUpgrade(bytes)) counter.upgrades++;
        counter.posts += bytes.toString("latin1").split("POST /invoke").length - 1;
        return bytes;
      },
    }),
    { upgrades: 0, posts: 0 },
  );
  return counter;
};

/** Answers upgrades itself, as a proxy that does not know WebSockets. */
export const refuseUpgrades = (): Fault => (link) => ({
  request: (bytes) => {
    if (!isUpgrade(bytes)) return bytes;
    link.toClient(Buffer.from("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
    return undefined;
  },
});

/** Cuts WebSockets once this many bytes of the parent have passed, until it is switched off. */
export const cutWebSockets = (afterBytes: number) => {
  const cuts = Object.assign<Fault, { on: boolean; cut: number }>(
    (link) => {
      let passed: number | undefined;
      return {
        request: (bytes) => {
          if (passed !== undefined) passed += bytes.length;
          else if (isUpgrade(bytes)) passed = 0;
          if (passed === undefined || passed <= afterBytes || !cuts.on) return bytes;
          cuts.cut++;
          link.cut("reset");
          return undefined;
        },
      };
    },
    { on: true, cut: 0 },
  );
  return cuts;
};

/** Swallows everything on the connections that are open when it is switched on: nobody is told. */
export const freezeConnections = () => {
  let generation = 0;
  const freeze = Object.assign<Fault, { open(): void }>(
    () => {
      const own = generation;
      const pass = (bytes: Buffer): Buffer | undefined => (own === generation ? bytes : undefined);
      return { request: pass, response: pass };
    },
    { open: () => void generation++ },
  );
  return freeze;
};

/** Changes one byte of what the parent sends on WebSockets, each time that it is armed. */
export const flipBytes = () => {
  const flips = Object.assign<Fault, { armed: boolean; flipped: number }>(
    () => {
      let isLink = false;
      return {
        request: (bytes) => {
          if (isLink && flips.armed && bytes.length > 40) {
            flips.armed = false;
            flips.flipped++;
            const changed = Buffer.from(bytes);
            changed[changed.length - 40]! ^= 1;
            return changed;
          }
          isLink ||= isUpgrade(bytes);
          return bytes;
        },
      };
    },
    { armed: false, flipped: 0 },
  );
  return flips;
};

/** Keeps what the parents send, by connection. */
export const recordConnections = () => {
  const recorded = Object.assign<Fault, { connections: Array<Array<Buffer>> }>(
    () => {
      const own: Array<Buffer> = [];
      recorded.connections.push(own);
      return {
        request: (bytes) => {
          own.push(Buffer.from(bytes));
          return bytes;
        },
      };
    },
    { connections: [] },
  );
  return recorded;
};
