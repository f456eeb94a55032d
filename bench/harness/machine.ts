/** The machine of a run: its processors, and how much of them other processes use. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release, type as systemType } from "node:os";

/** Commands that start a process on given processors; empty where that is not possible. */
export interface Placement {
  readonly server: ReadonlyArray<string>;
  readonly client: ReadonlyArray<string>;
}

/** Places the two sides on different processors, with `taskset`. */
export const place = (): Placement => {
  const { status, stdout } = spawnSync("taskset", ["-cp", String(process.pid)], { encoding: "utf8" });
  const list = status === 0 ? (/: ([\d,-]+)/.exec(stdout)?.[1] ?? "") : "";
  const allowed = list.split(",").flatMap((part) => {
    const [first = NaN, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  const [server, client] = allowed;
  if (server === undefined || client === undefined) return { server: [], client: [] };
  return { server: ["taskset", "-c", String(server)], client: ["taskset", "-c", String(client)] };
};

/** Milliseconds per unit of `/proc/stat`. */
const tickMs = 10;

/** Returns the time that the processors have worked or were taken away, from the first line of `/proc/stat`. */
export const busyMs = (stat: string): number => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .split("\n", 1)[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * tickMs;
};

const readBusyMs = (): number | undefined => {
  try {
    return busyMs(readFileSync("/proc/stat", "utf8"));
  } catch {
    return undefined;
  }
};

/**
 * Starts to measure. The returned function gives the share of the machine that other processes used since, from 0 to 1;
 * `undefined` where the system does not tell.
 *
 * @param ownMs CPU time of the measured processes meanwhile
 */
export const watchOthers = (): ((ownMs: number) => number | undefined) => {
  const [busyBefore, startedAt, ownBefore] = [readBusyMs(), performance.now(), process.cpuUsage()];
  return (ownMs) => {
    const busyAfter = readBusyMs();
    if (busyBefore === undefined || busyAfter === undefined) return undefined;
    const { user, system } = process.cpuUsage(ownBefore);
    const others = busyAfter - busyBefore - ownMs - (user + system) / 1000;
    return Math.min(1, Math.max(0, others / ((performance.now() - startedAt) * availableParallelism())));
  };
};

/** One line about the machine. */
export const describeMachine = (placement: Placement): string =>
  [
    `${availableParallelism()} processors (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `${systemType()} ${release().split("-")[0]}`,
    placement.server.length > 0 ? "server and client pinned to a processor each" : "processes not pinned",
  ].join(", ");
