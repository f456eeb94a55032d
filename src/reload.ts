/**
 * Instances of modules that are evaluated again while code is being written. What the earlier evaluation made has no
 * owner any more: its pools and servers are shut down, so that no reload leaves a runner behind.
 *
 * Two things show a reload: `bun --hot` evaluates this package again, and a development server (`NODE_ENV=development`)
 * comes to the same `createFlame` at the top level of a module, or to the same services, once more. Nothing is
 * remembered anywhere else.
 */
import { callSite, type CallSite } from "./contract/process/call-site.ts";
import { thisCopy, processWide } from "./contract/process/copies.ts";
import { currentTurn } from "./contract/process/development.ts";
import type { Registry } from "./contract/api/registry.ts";
import { messageOf } from "./contract/thrown.ts";

/** An instance that may be replaced. */
interface Living {
  readonly site: CallSite | undefined;
  /** The evaluation that made it. */
  readonly turn: object;
  readonly registry: Registry;
  /** Shuts it down, and frees the ports of its servers at once. */
  readonly end: () => Promise<void>;
}

/** What a reload does to an instance. */
export interface Reloadable {
  /** Shuts it down for good, and frees the ports of its servers at once. */
  replaced(): Promise<void>;
  /** Replaces the runners that it started, whose code is an earlier one. */
  renewed(): Promise<void>;
}

/** Milliseconds from a reload to new runners: a module that is evaluated again defines several services, and may configure the instance itself. */
const settleMs = 100;

const isHot = "Bun" in globalThis && process.execArgv.includes("--hot");

const isTracked = (): boolean => isHot || process.env["NODE_ENV"] === "development";

const living: Map<string, Set<Living>> = processWide("instances", () => new Map());

/** Those of this evaluation of the package. */
const own: Set<Living> = new Set();

const warn = (cause: unknown): void =>
  process.emitWarning(`Runners of earlier code did not end in order: ${messageOf(cause)}`, { code: "FLAME_RELOADED" });

const replace = (instance: Living, all: Set<Living>, why: string): void => {
  all.delete(instance);
  process.emitWarning(`${why}: the pools and servers of its earlier instance are shut down.`, {
    code: "FLAME_RELOADED",
  });
  instance.end().catch(warn);
};

if (isTracked()) {
  const earlier = living.get(thisCopy.path);
  living.set(thisCopy.path, own);
  if (isHot) for (const instance of earlier ?? []) replace(instance, earlier!, "The program was evaluated again");
}

const sameModule = (one: Living, other: Living): boolean =>
  one !== other &&
  one.turn !== other.turn &&
  one.site?.topLevel === true &&
  other.site?.topLevel === true &&
  one.site.file === other.site.file;

/** The instance's registry, with an ear for what is registered there. */
const watched = (registry: Registry, onRegistered: (name: string, again: boolean) => void): Registry => ({
  ...registry,
  register: (serviceId, methods) => {
    const before = methods.map(({ id, handler }) => {
      const known = registry.getMethod(serviceId, id);
      return known !== undefined && known.handler !== handler;
    });
    registry.register(serviceId, methods);
    for (const [at, { id }] of methods.entries()) onRegistered(`${serviceId}/${id}`, before[at] === true);
  },
});

/**
 * Remembers an instance while code is being written, and shuts down the one that it replaces.
 *
 * @param made the function that the user called to make it, which must be on the stack
 * @returns the registry that the instance is to use
 */
export const trackInstance = (made: Function, registry: Registry, reloadable: Reloadable): Registry => {
  if (!isTracked()) return registry;
  const end = (): Promise<void> => reloadable.replaced();
  const instance: Living = { site: callSite(made), turn: currentTurn(), registry, end };
  let settling: NodeJS.Timeout | undefined;
  for (const other of own) {
    if (sameModule(other, instance) && other.site?.position === instance.site?.position)
      replace(other, own, `${instance.site?.file} was evaluated again`);
  }
  own.add(instance);
  return watched(registry, (name, again) => {
    if (again) {
      clearTimeout(settling);
      settling = setTimeout(() => reloadable.renewed().catch(warn), settleMs).unref();
    }
    const file = registry.find(name)?.definedAt?.file;
    if (file === undefined) return;
    for (const other of own) {
      const twin = sameModule(other, instance) && other.registry !== registry ? other.registry.find(name) : undefined;
      if (twin?.definedAt?.file === file) replace(other, own, `${file} was evaluated again`);
    }
  });
};
