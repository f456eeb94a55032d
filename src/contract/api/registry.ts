/**
 * The methods that a process can run, by explicit `service/method` id. Parent and runner register the same definitions,
 * so they agree on ids without exchanging code.
 */
import type { CallSite } from "../process/call-site.ts";
import { thisCopy } from "../process/copies.ts";
import { currentTurn, evaluatesPerLayer, reloads } from "../process/development.ts";
import { RegistryError } from "../errors.ts";
import { RESERVED_SERVICE } from "../wire/heartbeat.ts";
import type { InvocationContext } from "./invocation.ts";
import type { DefinitionOptions } from "../config/definition-options.ts";

/** A registered method. */
export interface RegisteredMethod {
  /** The id of its service. */
  readonly serviceId: string;
  /** The method id. */
  readonly id: string;
  /** The full name, `service/method`, as it crosses the wire. */
  readonly name: string;
  /** The merged options of the service and the method. */
  readonly options: DefinitionOptions;
  /**
   * The handler, as you wrote it. Registering the same handler again does nothing; registering another one is an
   * error.
   */
  readonly handler: Function;
  /** Where the method was defined, if known. Outside production, reloading a module replaces its methods. */
  readonly definedAt?: CallSite | undefined;
  /**
   * Runs the handler. It may throw, and may return a promise or a value.
   *
   * @param context the context of the invocation
   * @param args the caller's arguments
   */
  invoke(context: InvocationContext, args: ReadonlyArray<unknown>): unknown;
}

/** A registered service: the methods under one id. */
export interface RegisteredService {
  /** The service id. */
  readonly id: string;
  /** The methods, by id. */
  readonly methods: ReadonlyMap<string, RegisteredMethod>;
}

/** A method to register under a service. */
export type MethodRegistration = Pick<RegisteredMethod, "id" | "options" | "handler" | "definedAt" | "invoke">;

/**
 * Holds services and finds methods.
 *
 * @example
 * ```ts
 * flame.registry.getService("math")?.methods.has("add");
 * ```
 */
export interface Registry {
  /**
   * Adds methods to a service: all of them, or none if one is invalid. Unless `NODE_ENV` is `production`, reloading a
   * module replaces the methods of its earlier version, with a warning (`FLAME_RELOADED`).
   *
   * @param serviceId the service id
   * @param methods the methods to add
   * @throws {RegistryError} if an id is invalid, or a method is registered with another handler.
   */
  register(serviceId: string, methods: ReadonlyArray<MethodRegistration>): void;
  /**
   * Finds a service.
   *
   * @param id the service id
   */
  getService(id: string): RegisteredService | undefined;
  /**
   * Finds a method.
   *
   * @param serviceId the service id
   * @param methodId the method id
   */
  getMethod(serviceId: string, methodId: string): RegisteredMethod | undefined;
  /**
   * Finds a method by its full name.
   *
   * @param name `service/method`
   */
  find(name: string): RegisteredMethod | undefined;
  /** All services, in the order of registration. */
  services(): ReadonlyArray<RegisteredService>;
}

const grammar = /^[A-Za-z0-9_$.:@-]{1,128}$/;

/**
 * Gives the id back if it can travel.
 *
 * @throws {RegistryError} saying what an id may look like, or that it is taken.
 */
export const checkId = (kind: "service" | "method", id: unknown): string => {
  if (kind === "service" && id === RESERVED_SERVICE) {
    throw new RegistryError(`The service id "${RESERVED_SERVICE}" is reserved by Firelight. Choose a different one.`);
  }
  if (typeof id === "string" && grammar.test(id)) return id;
  const shown = typeof id === "string" ? JSON.stringify(id) : String(id);
  throw new RegistryError(
    `${shown} is an invalid ${kind} id. Use 1 to 128 of the characters A-Z a-z 0-9 _ $ . : @ - because ids are sent in a header and used as metric labels.`,
  );
};

/** The name under which a method travels. */
export const methodName = (serviceId: string, methodId: string): string => `${serviceId}/${methodId}`;

/** When methods were registered. */
const turns = new WeakMap<RegisteredMethod, object>();

type Redefinition = "rejected" | "reload" | "other layer";

/**
 * Why a method may be defined once more: its module was evaluated again, later on and in the same file; or in another
 * layer of a framework, whose bundles hold copies of it.
 */
const redefinition = (before: RegisteredMethod, definedAt: CallSite | undefined): Redefinition => {
  const later = turns.get(before) !== currentTurn();
  const rule = reloads();
  const earlier = before.definedAt;
  const sameFile = later && rule !== "never" && earlier !== undefined && earlier.file === definedAt?.file;
  if (sameFile && (rule === "development" || earlier.position === definedAt.position)) return "reload";
  return evaluatesPerLayer() ? "other layer" : "rejected";
};

const warn = (message: string): void => process.emitWarning(message, { code: "FLAME_RELOADED" });

const shown = (site: CallSite | undefined): string => (site === undefined ? "" : ` (at ${site.file}:${site.position})`);

/** Creates an empty registry. Pass one registry to several `createFlame` calls to share definitions. */
export const createRegistry = (): Registry => {
  const services = new Map<string, { readonly id: string; readonly methods: Map<string, RegisteredMethod> }>();
  const byName = new Map<string, RegisteredMethod>();

  const check = (serviceId: string, methods: ReadonlyArray<MethodRegistration>): ReadonlyArray<RegisteredMethod> => {
    const batch = new Map<string, RegisteredMethod>();
    let replaced: string | undefined;
    let changed: string | undefined;
    for (const method of methods) {
      const name = methodName(serviceId, checkId("method", method.id));
      const other = batch.get(name) ?? byName.get(name);
      if (other !== undefined && other.handler !== method.handler) {
        const reason = redefinition(other, method.definedAt);
        if (reason === "rejected") {
          throw new RegistryError(
            `${name} is already registered with a different handler${shown(other.definedAt)}. Rename one of them${shown(method.definedAt)}, or define the service once and import it.`,
            { method: name },
          );
        }
        if (reason === "reload") replaced ??= method.definedAt?.file;
        else if (reloads() !== "never" && String(other.handler) !== String(method.handler)) changed ??= name;
      }
      const registered = { ...method, serviceId, name };
      turns.set(registered, currentTurn());
      batch.set(name, registered);
    }
    if (replaced !== undefined) {
      warn(
        `${replaced} was evaluated again: its methods of "${serviceId}" replace the earlier ones. Runners that are already running keep their code.`,
      );
    }
    if (changed !== undefined)
      warn(
        `${changed} was defined again with different code, which replaces the earlier definition. If these are two methods, rename one.`,
      );
    return [...batch.values()];
  };

  return {
    register: (serviceId, methods) => {
      const checked = check(checkId("service", serviceId), methods);
      let service = services.get(serviceId);
      if (service === undefined) {
        service = { id: serviceId, methods: new Map() };
        services.set(serviceId, service);
      }
      for (const method of checked) {
        service.methods.set(method.id, method);
        byName.set(method.name, method);
        thisCopy.methods.add(method.name);
      }
    },
    getService: (id) => services.get(id),
    getMethod: (serviceId, methodId) => byName.get(methodName(serviceId, methodId)),
    find: (name) => byName.get(name),
    services: () => [...services.values()],
  };
};
