import { describe, expect, test } from "vitest";
import { RegistryError } from "../../../src/contract/errors.ts";
import { createRegistry, type MethodRegistration } from "../../../src/contract/api/registry.ts";

const registration = (id: string, handler: Function = () => id): MethodRegistration => ({
  id,
  options: {},
  handler,
  invoke: () => handler(),
});

describe("a registry", () => {
  test("finds a method by service and method id, and by its full name", () => {
    const registry = createRegistry();
    registry.register("math", [registration("add")]);
    expect(registry.getService("math")?.methods.has("add")).toBe(true);
    expect(registry.getMethod("math", "add")?.name).toBe("math/add");
    expect(registry.find("math/add")).toBe(registry.getMethod("math", "add"));
    expect(registry.find("math/subtract")).toBeUndefined();
    expect(registry.getService("physics")).toBeUndefined();
  });

  test("adds methods to an existing service, and lists services in registration order", () => {
    const registry = createRegistry();
    registry.register("b", [registration("one")]);
    registry.register("a", [registration("one")]);
    registry.register("b", [registration("two")]);
    expect(registry.services().map((service) => [service.id, [...service.methods.keys()]])).toEqual([
      ["b", ["one", "two"]],
      ["a", ["one"]],
    ]);
  });

  test("accepts the same handler again and rejects a different one", () => {
    const registry = createRegistry();
    const add = (): number => 1;
    registry.register("math", [registration("add", add)]);
    expect(() => registry.register("math", [registration("add", add)])).not.toThrow();
    expect(() => registry.register("math", [registration("add", () => 2)])).toThrow(
      expect.objectContaining({
        _tag: "RegistryError",
        code: "registry_error",
        method: "math/add",
        message: expect.stringContaining("Rename one of them"),
      }),
    );
    expect(registry.find("math/add")?.handler).toBe(add);
  });

  test("registers either all methods of a batch or none", () => {
    const registry = createRegistry();
    registry.register("math", [registration("add")]);
    expect(() => registry.register("math", [registration("subtract"), registration("add")])).toThrow(RegistryError);
    expect(() => registry.register("other", [registration("fine"), registration("not fine")])).toThrow(RegistryError);
    expect(() => registry.register("twice", [registration("x", () => 1), registration("x", () => 2)])).toThrow(
      RegistryError,
    );
    expect(registry.find("math/subtract")).toBeUndefined();
    expect(registry.getService("other")).toBeUndefined();
    expect(registry.getService("twice")).toBeUndefined();
  });

  test.each(["a", "A-Z_0.9$:@", "x".repeat(128), "__proto__", "constructor"])("accepts the id %j", (id) => {
    const registry = createRegistry();
    registry.register(id, [registration(id)]);
    expect(registry.find(`${id}/${id}`)?.id).toBe(id);
    expect(registry.getService("toString")).toBeUndefined();
  });

  test('rejects the reserved service id "$firelight", but accepts it as a method id', () => {
    const registry = createRegistry();
    expect(() => registry.register("$firelight", [registration("heartbeat")])).toThrow(/is reserved by Firelight/);
    registry.register("fine", [registration("$firelight")]);
  });

  test.each(["", " ", "a b", "a/b", "größe", "a\n", "x".repeat(129)])(
    "rejects %j as a service id and as a method id",
    (id) => {
      const registry = createRegistry();
      expect(() => registry.register(id, [registration("fine")])).toThrow(/is an invalid service id\. Use 1 to 128/);
      expect(() => registry.register("fine", [registration(id)])).toThrow(/is an invalid method id\. Use 1 to 128/);
    },
  );
});
