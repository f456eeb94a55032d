/**
 * Creates the instance of a decorated class that handlers run on: once, at the first call, on runners and in local mode
 * only.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { RegistryError } from "../errors.ts";
import { currentInvocation } from "./invocation.ts";
import { isInstance, messageOf, valueText } from "../thrown.ts";

/** Makes the instance. It may be asynchronous: a connection can be opened first. */
export type InstanceFactory = () => object | Promise<object>;

/** Keeps the instance of one class. */
export interface ClassHost {
  /** Replaces `new Class()`. */
  setFactory(factory: InstanceFactory): void;
  /** The instance. A factory that failed is asked again by the next invocation. */
  instance(): object | Promise<object>;
}

const hosted = new WeakSet<object>();
const hosts = new WeakMap<Function, ClassHost>();
const outsideInvocations = AsyncLocalStorage.snapshot();
const making = new AsyncLocalStorage<Function>();

/** Whether `self` is an instance that handlers run on, at work on an invocation or being made by its factory. Its methods call each other directly. */
export const isHandling = (self: unknown): boolean => {
  if (typeof self !== "object" || self === null) return false;
  const owner = making.getStore();
  if (owner !== undefined && self instanceof owner) return true;
  return hosted.has(self) && currentInvocation.getStore() !== undefined;
};

/** The host of a class: always the same one for the same class. */
export const classInstanceOf = (owner: Function): ClassHost => {
  const known = hosts.get(owner);
  if (known !== undefined) return known;
  const host = makeHost(owner);
  hosts.set(owner, host);
  return host;
};

const makeHost = (owner: Function): ClassHost => {
  let factory: InstanceFactory = () => Reflect.construct(owner, []) as object;
  let current: object | Promise<object> | undefined;

  const keep = (made: unknown): object => {
    if (typeof made !== "object" || made === null) {
      throw new RegistryError(
        `The factory of ${owner.name} returned ${valueText(made)} instead of an instance. Return the instance.`,
      );
    }
    hosted.add(made);
    current = made;
    return made;
  };

  const refuse = (cause: unknown): never => {
    current = undefined;
    if (isInstance(cause, RegistryError)) throw cause;
    throw new RegistryError(
      `Failed to create an instance of ${owner.name}: ${messageOf(cause)}. If its constructor needs arguments, give the class a factory: @flameService({ id, factory: () => new ${owner.name}(…) }).`,
      { cause },
    );
  };

  return {
    setFactory: (given) => {
      factory = given;
    },
    instance: () => {
      if (current !== undefined) return current;
      try {
        const made = outsideInvocations(() => making.run(owner, factory));
        if (!(made instanceof Promise)) return keep(made);
        current = made.then(keep).catch(refuse);
        return current;
      } catch (cause) {
        return refuse(cause);
      }
    },
  };
};
