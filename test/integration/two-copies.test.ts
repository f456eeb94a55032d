/** Two copies of the package in one process, such as one in a dependency or in a bundle. */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import * as here from "../../src/index.ts";
import { VERSION } from "../../src/contract/process/version.ts";

type Copy = typeof here;

/** The class of this copy with this name. */
const classHere = (name: string): new (...args: never) => Error =>
  Reflect.get(here, name) as new (...args: never) => Error;

const root = join(import.meta.dirname, "../..");
const folder = join(root, `.cache/two-copies-${process.pid}`);
const secret = "a secret of this test only";
let other: Copy;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "src"), join(folder, "src"), { recursive: true });
  other = (await import(pathToFileURL(join(folder, "src/index.ts")).href)) as Copy;
  expect(other.createFlame).not.toBe(here.createFlame);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ends: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const make = (copy: Copy, config: here.FlameConfig): here.Flame => {
  const flame = copy.createFlame(config);
  ends.push(() => flame.shutdown());
  return flame;
};

describe("an error of the other copy", () => {
  const made = (copy: Copy): Readonly<Record<string, Error>> => ({
    InvokeError: new copy.InvokeError("timeout", "late"),
    RegistryError: new copy.RegistryError("none"),
    ConfigError: new copy.ConfigError("bad"),
    FlameMethodError: new copy.FlameMethodError("declined", "no"),
  });
  const classes = ["FlameError", "InvokeError", "RegistryError", "ConfigError", "FlameMethodError"] as const;

  test.each(classes)("is an instance of %s exactly when this copy's error is", (name) => {
    const [ours, theirs] = [made(here), made(other)];
    for (const kind of Object.keys(ours)) {
      const expected = kind === name || (name === "FlameError" && kind !== "FlameMethodError");
      expect([kind, ours[kind] instanceof classHere(name), theirs[kind] instanceof classHere(name)]).toEqual([
        kind,
        expected,
        expected,
      ]);
      expect([kind, ours[kind] instanceof other[name]]).toEqual([kind, expected]);
    }
  });

  test("is not an instance of a derived class of this copy", () => {
    class Declined extends here.InvokeError {}
    const declined = new Declined("timeout", "late");
    expect(declined instanceof Declined).toBe(true);
    expect(declined instanceof other.InvokeError).toBe(true);
    expect(declined.name).toBe("Declined");
    expect(new other.InvokeError("timeout", "late") instanceof Declined).toBe(false);
    expect(new here.InvokeError("timeout", "late") instanceof Declined).toBe(false);
  });

  test.each([null, undefined, 1, "text", {}, Object.create(null), Proxy.revocable({}, {})])(
    "instanceof is false for unrelated value %#",
    (value) => {
      if (value !== null && typeof value === "object" && "revoke" in value) value.revoke();
      const subject: unknown = value !== null && typeof value === "object" && "proxy" in value ? value.proxy : value;
      for (const name of classes) expect(subject instanceof classHere(name)).toBe(false);
    },
  );

  test("that a handler throws reaches the caller with its code and retryable", async () => {
    const flame = make(here, { mode: "local" });
    const pay = flame.fn("pay", async () => {
      throw new other.FlameMethodError("card_declined", "The card was declined.", { retryable: true });
    });
    await expect(pay()).rejects.toMatchObject({
      code: "remote_error",
      remote: { code: "card_declined" },
      retryable: true,
    });
  });
});

describe("a handler of one copy that calls the other", () => {
  test("is the current invocation in the other copy and passes its deadline on", async () => {
    const [outer, inner] = [make(here, { mode: "local" }), make(other, { mode: "local" })];
    const inside = inner.fn("inside", async () => other.currentInvocation()?.deadline);
    const outside = outer.fn(
      "outside",
      async () => [here.currentInvocation()?.deadline, other.currentInvocation()?.method, await inside()] as const,
      { timeoutMs: 5_000 },
    );
    const [deadline, method, innerDeadline] = await outside();
    expect(method).toBe("outside/default");
    expect(Math.abs(innerDeadline! - deadline!)).toBeLessThan(1_000);
  });
});

describe("a method of another copy", () => {
  test("is rejected by toEffect and serviceDecorator with an error that names the copies", () => {
    const theirs = other.createFlame();
    expect(() => here.toEffect(theirs.fn("theirs", async () => 1))).toThrow(/2 copies of firelight.*two-copies/);
    class Mixed {
      async run(): Promise<number> {
        return 1;
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Mixed.prototype, "run")!;
    Object.defineProperty(Mixed.prototype, "run", theirs()(Mixed.prototype, "run", descriptor));
    expect(() => here.createFlame().serviceDecorator("mixed")(Mixed)).toThrow(
      /^Mixed\.run was decorated with @flame from a different copy.*2 copies of firelight/,
    );
  });
});

describe("shutdown", () => {
  test("flushes the telemetry of the other copy", async () => {
    let flushed = 0;
    const stop = other.onFlush(() => (flushed += 1));
    await make(here, { mode: "local" }).shutdown();
    expect(flushed).toBe(1);
    stop();
  });
});

describe("a copy without configuration", () => {
  test("fails its first call with an error that mentions the other copy", async () => {
    const lone = make(here, { mode: "parent" });
    await expect(lone.fn("alone", async () => 1)()).rejects.toThrow(
      /no pool "default" \(known pools: none\).*2 copies of firelight/,
    );
  });
});

describe("a method that is registered in the other copy", () => {
  test("fails calls to a runner of this copy with a RegistryError that names both copies", async () => {
    other.createFlame().fn("lost", async () => 1);
    const runner = make(here, { mode: "runner", security: { secret } });
    const server = runner.createRunnerServer({ port: 0, hostname: "127.0.0.1", handleSignals: false });
    await server.ready;
    const parent = make(here, { mode: "parent", runnerUrl: server.url, security: { secret } });
    const lost = parent.fn("lost", async () => 1);
    await expect(lost()).rejects.toSatisfy((error: here.RegistryError) => {
      expect(error).toBeInstanceOf(other.RegistryError);
      expect(error.message).toContain("2 copies of firelight");
      expect(error.message).toContain(`${VERSION} in ${root};`);
      expect(error.message).toContain(`${VERSION} in ${folder}.`);
      expect(error.message).toContain(`lost/default is registered with the copy in ${folder}.`);
      return true;
    });
  });
});
