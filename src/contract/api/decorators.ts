/**
 * Decorators: a class as a service, its methods as remote methods. They work as
 * standard decorators and under `experimentalDecorators`.
 *
 * A decorated method is remote wherever it is called, with two exceptions that
 * run it in process, on the very object it was called on: in a runner process,
 * and when an instance at work on an invocation calls a method of its own.
 */
import { classInstanceOf, isHandling, type InstanceFactory } from "./class-instance.ts";
import type { CallSite } from "../process/call-site.ts";
import { copiesNote, thisCopy } from "../process/copies.ts";
import { definitionSite } from "../process/development.ts";
import { ConfigError, RegistryError } from "../errors.ts";
import {
  definitionFields,
  mergeDefinitions,
  notOfDefinitions,
  type DefinitionOptions,
} from "../config/definition-options.ts";
import { fn, text } from "../validation/option-checks.ts";
import { object, readOption } from "../validation/option-schema.ts";
import { printText } from "../validation/print-value.ts";
import { checkId, methodName, type MethodRegistration, type Registry } from "./registry.ts";
import { callRemote, registerTarget, type Caller, type RemoteTarget } from "./remote-method.ts";

/** Options of a decorated method. */
export interface MethodOptions extends DefinitionOptions {
  /** The method id. Default: the method's name. */
  readonly id?: string;
  /**
   * Registers the method under this service instead of that of its class. The options of the class then do not apply.
   * Default: the service of the class, which {@link ServiceDecorator} names.
   */
  readonly serviceId?: string;
}

/** Options of a decorated class. */
export interface ServiceOptions extends DefinitionOptions {
  /** The service id. Default: the name of the class. Set it if a bundler shortens class names. */
  readonly id?: string;
  /** Creates the instance that handlers run on, once per process. Default: `new Class()`. */
  readonly factory?: InstanceFactory;
}

/** Makes a method remote. The method must be asynchronous. */
export interface FlameMethodDecorator {
  /**
   * As a standard decorator.
   *
   * @param method the method
   * @param context the context of the decorator
   */
  <This, Method extends (this: This, ...args: any) => Promise<any>>(
    method: Method,
    context: ClassMethodDecoratorContext<This, Method>,
  ): Method;
  /**
   * Under `experimentalDecorators`.
   *
   * @param target the prototype, or the class of a static method
   * @param key the method's name
   * @param descriptor the method's property
   */
  <Method extends (...args: any) => Promise<any>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): TypedPropertyDescriptor<Method>;
}

/** Makes a class a service. Its constructor may be private. */
export type FlameClassDecorator = (
  target: Function & {
    /** The prototype of the class; a private constructor does not matter. */
    readonly prototype: object;
  },
  context?: ClassDecoratorContext<any>,
) => void;

/**
 * Makes a method decorator: `@flame()`, `@flame("id")` or `@flame({ id, serviceId, pool, … })`.
 *
 * @param options the method id, or options of the method
 */
export type MethodDecoratorMaker = (options?: MethodOptions | string) => FlameMethodDecorator;

/**
 * Makes a class decorator: `@flameService()`, `@flameService("id")`, `@flameService("id", { pool })` or
 * `@flameService({ id, factory, pool })`.
 */
export interface ServiceDecorator {
  /**
   * With the id as the first argument.
   *
   * @param id the service id; `undefined` takes the name of the class
   * @param options options of the service
   */
  (id: string | undefined, options?: Omit<ServiceOptions, "id">): FlameClassDecorator;
  /**
   * With all options in one object.
   *
   * @param options the id and options of the service
   */
  (options?: ServiceOptions): FlameClassDecorator;
}

/** What decorators need of the instance they belong to. */
export interface DecoratorHost {
  readonly registry: Registry;
  readonly caller: Caller;
  /** Whether this process is a runner. Never throws. */
  isRunner(): boolean;
}

/** What is known of a decorated method; class decorators and initializers complete it. */
interface Slot {
  readonly key: string;
  readonly isStatic: boolean;
  readonly original: Function;
  readonly options: MethodOptions;
  /** The class whose instance runs it, or which runs it itself if it is static. */
  owner: Function | undefined;
  target: RemoteTarget | undefined;
}

const slots = new WeakMap<Function, Slot>();

const methodSchema = object<MethodOptions>(
  { ...definitionFields, id: text(), serviceId: text() },
  { allowed: "an id, or an object with options", elsewhere: notOfDefinitions },
);

const serviceSchema = object<ServiceOptions>(
  { ...definitionFields, id: text(), factory: fn<InstanceFactory>("a function that creates the instance") },
  { allowed: "an id, or an object with options", elsewhere: notOfDefinitions },
);

/** A decorator as it stands in the source, for errors. */
const writtenAs = (name: string, given: unknown): string => {
  try {
    const id: unknown = typeof given === "object" ? Reflect.get(given ?? {}, "id") : given;
    return `${name}(${typeof id === "string" ? printText(id) : ""})`;
  } catch {
    return `${name}()`;
  }
};

/** The options of a class, however they were given: `("id", { … })`, `({ id, … })` or `(undefined, { … })`. */
const readServiceOptions = (first: ServiceOptions | string | undefined, second: unknown): ServiceOptions => {
  const where = writtenAs("@flameService", first ?? second);
  if (first !== undefined && typeof first !== "string") {
    if (second === undefined) return readOption(serviceSchema, first, where);
    throw new ConfigError(
      `${where}: the options are given twice. Use (id, options), or one object with id and the other options.`,
    );
  }
  const options = second === undefined ? {} : readOption(serviceSchema, second, where);
  if (first === undefined || options.id === undefined || options.id === first)
    return { ...options, id: first ?? options.id };
  throw new ConfigError(
    `${where}: options.id is ${printText(options.id)}, which differs from the first argument. Give the id once.`,
  );
};

/** Says of a decorated method which copy of this package has decorated it. */
const decoratedBy: unique symbol = Symbol.for("firelight/decorated-by");

const refuseForeign = (method: Function, name: string): void => {
  if (slots.has(method) || !(decoratedBy in method)) return;
  throw new RegistryError(
    `${name} was decorated with @flame from a different copy of firelight than its class. Import both decorators from the same copy.${copiesNote()}`,
  );
};

/** Makes both decorators for one Firelight instance. */
export const makeDecorators = (
  host: DecoratorHost,
): { readonly method: MethodDecoratorMaker; readonly service: ServiceDecorator } => {
  const wrap = (slot: Slot): Function => {
    const target = (): RemoteTarget => slot.target ?? unregistered(slot);
    const remote = async (args: ReadonlyArray<unknown>): Promise<unknown> => callRemote(target(), args);
    const wrapper = function (this: unknown, ...args: Array<unknown>): unknown {
      if (isHandling(this) || (this !== undefined && host.isRunner())) return slot.original.apply(this, args);
      return remote(args);
    };
    Object.defineProperty(wrapper, "name", { value: slot.key });
    Object.defineProperty(wrapper, decoratedBy, { value: thisCopy.path });
    slots.set(wrapper, slot);
    registerTarget(wrapper, target);
    return wrapper;
  };

  const plan = (slot: Slot, serviceId: string, classOptions: DefinitionOptions): MethodRegistration => ({
    id: slot.options.id ?? slot.key,
    options: mergeDefinitions(classOptions, slot.options),
    handler: slot.original,
    invoke: (_context, args) => runOn(slot, serviceId, args),
  });

  const register = (
    serviceId: string,
    entries: ReadonlyArray<readonly [Slot, MethodRegistration]>,
    definedAt: CallSite | undefined,
  ): void => {
    host.registry.register(
      serviceId,
      entries.map(([, registration]) => ({ ...registration, definedAt })),
    );
    for (const [slot, { id, options }] of entries) {
      slot.target = { caller: host.caller, method: methodName(serviceId, id), options };
    }
  };

  const method: MethodDecoratorMaker = (given = {}, ...misused: ReadonlyArray<unknown>) => {
    if (misused.length > 0) throw new RegistryError("@flame needs parentheses: write @flame() above the method.");
    const options =
      typeof given === "string" ? { id: given } : readOption(methodSchema, given, writtenAs("@flame", given));
    if (options.id !== undefined) checkId("method", options.id);
    if (options.serviceId !== undefined) checkId("service", options.serviceId);

    const add = (original: unknown, name: string | symbol, isStatic: boolean, owner: Function | undefined): Slot => {
      if (typeof original !== "function" || typeof name !== "string") {
        throw new RegistryError(
          `@flame cannot decorate ${String(name)}: only methods with a plain name can be remote, not fields, accessors, #private or symbol members.`,
        );
      }
      const slot: Slot = { key: name, isStatic, original, options, owner, target: undefined };
      if (options.serviceId !== undefined) {
        const entry = [slot, plan(slot, options.serviceId, {})] as const;
        register(options.serviceId, [entry], definitionSite(decorate));
      }
      return slot;
    };

    const decorate = (
      target: unknown,
      context: string | symbol | ClassMethodDecoratorContext,
      descriptor?: PropertyDescriptor,
    ): unknown => {
      if (typeof context === "object") {
        const plain = context.kind === "method" && !context.private;
        const slot = add(plain ? target : undefined, context.name, context.static, undefined);
        context.addInitializer(function (this: unknown) {
          slot.owner ??= context.static ? (this as Function) : (this as object).constructor;
        });
        return wrap(slot);
      }
      const isStatic = typeof target === "function";
      const owner = isStatic ? target : (target as object).constructor;
      return { ...descriptor, value: wrap(add(descriptor?.value, context, isStatic, owner)) };
    };
    return decorate as FlameMethodDecorator;
  };

  const service: ServiceDecorator = (first?: ServiceOptions | string, second?: Omit<ServiceOptions, "id">) => {
    if (typeof first === "function")
      throw new RegistryError("@flameService needs parentheses: write @flameService() above the class.");
    const { id, factory, ...options } = readServiceOptions(first, second);
    if (id !== undefined) checkId("service", id);

    const decorate = (owner: Function, context?: ClassDecoratorContext): void => {
      const serviceId = checkId("service", id ?? context?.name ?? owner.name);
      const own: Array<Slot> = [];
      const replaced: Array<readonly [string, PropertyDescriptor, Slot]> = [];
      for (const [key, descriptor] of instanceMethods(owner)) {
        refuseForeign(descriptor.value, `${owner.name}.${key}`);
        const marked = slots.get(descriptor.value);
        if (marked !== undefined && Object.hasOwn(owner.prototype, key)) {
          own.push(marked);
        } else if (marked?.options.serviceId === undefined) {
          const original = marked?.original ?? descriptor.value;
          const slot: Slot = {
            key,
            isStatic: false,
            original,
            options: marked?.options ?? {},
            owner: undefined,
            target: undefined,
          };
          own.push(slot);
          replaced.push([key, descriptor, slot]);
        }
      }
      for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(owner))) {
        const marked = typeof descriptor.value === "function" ? slots.get(descriptor.value) : undefined;
        if (marked?.isStatic) own.push(marked);
      }
      const entries = own
        .filter((slot) => slot.options.serviceId === undefined)
        .map((slot) => [slot, plan(slot, serviceId, options)] as const);
      if (own.length === 0) {
        throw new RegistryError(
          `${owner.name} has no methods that can be remote. Define at least one method on the class itself; static methods need @flame().`,
        );
      }
      register(serviceId, entries, definitionSite(decorate));
      for (const [key, descriptor, slot] of replaced)
        Object.defineProperty(owner.prototype, key, { ...descriptor, value: wrap(slot) });

      const settle = (final: Function): void => {
        for (const slot of own) slot.owner = final;
        if (factory !== undefined) classInstanceOf(final).setFactory(factory);
      };
      settle(owner);
      context?.addInitializer(function (this: Function) {
        if (this !== owner) settle(this);
      });
    };
    return decorate;
  };

  return { method, service };
};

const runOn = (slot: Slot, serviceId: string, args: ReadonlyArray<unknown>): unknown => {
  if (slot.owner === undefined) {
    throw new RegistryError(
      `${methodName(serviceId, slot.options.id ?? slot.key)} has no instance to run on: its class is not decorated and none was constructed in this process. Put @flameService(…) on the class, or make the method static.`,
    );
  }
  if (slot.isStatic) return slot.original.apply(slot.owner, args);
  const instance = classInstanceOf(slot.owner).instance();
  return instance instanceof Promise
    ? instance.then((made) => slot.original.apply(made, args))
    : slot.original.apply(instance, args);
};

const unregistered = (slot: Slot): never => {
  throw new RegistryError(
    `${slot.key} is decorated with @flame but belongs to no service. Put @flameService(…) on its class, or name one: @flame({ serviceId: "…" }).`,
  );
};

/** A class's own methods, then the remote ones that it inherits and does not override. */
const instanceMethods = (owner: Function): ReadonlyArray<readonly [string, PropertyDescriptor]> => {
  const found = new Map<string, PropertyDescriptor>();
  const shadowed = new Set<string>(["constructor"]);
  for (
    let level = owner.prototype as object | null;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (shadowed.has(key)) continue;
      shadowed.add(key);
      if (typeof descriptor.value !== "function") continue;
      if (level === owner.prototype || slots.has(descriptor.value)) found.set(key, descriptor);
    }
  }
  return [...found];
};
