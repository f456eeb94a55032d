/** Two copies of the package in one process: a version that a dependency brought, or one in a bundle. */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as here from "../../src/index.ts";
import { VERSION } from "../../src/contract/process/version.ts";

type Copy = typeof here;

/** The class of this copy by its name. */
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

describe("errors of the other copy", () => {
  const made = (copy: Copy): Readonly<Record<string, Error>> => ({
    InvokeError: new copy.InvokeError("timeout", "late"),
    RegistryError: new copy.RegistryError("none"),
    ConfigError: new copy.ConfigError("bad"),
    FlameMethodError: new copy.FlameMethodError("declined", "no"),
  });
  const classes = ["FlameError", "InvokeError", "RegistryError", "ConfigError", "FlameMethodError"] as const;

  it.each(classes)("are instances of %s exactly where this copy's are", (name) => {
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

  it("keep what a derived class means", () => {
    class Declined extends here.InvokeError {}
    const declined = new Declined("timeout", "late");
    expect(declined instanceof Declined).toBe(true);
    expect(declined instanceof other.InvokeError).toBe(true);
    expect(declined.name).toBe("Declined");
    expect(new other.InvokeError("timeout", "late") instanceof Declined).toBe(false);
    expect(new here.InvokeError("timeout", "late") instanceof Declined).toBe(false);
  });

  it.each([null, undefined, 1, "text", {}, Object.create(null), Proxy.revocable({}, {})])(
    "are no other value: %#",
    (value) => {
      if (value !== null && typeof value === "object" && "revoke" in value) value.revoke();
      const subject: unknown = value !== null && typeof value === "object" && "proxy" in value ? value.proxy : value;
      for (const name of classes) expect(subject instanceof classHere(name)).toBe(false);
    },
  );

  it("that a handler throws reach the caller with what it chose to say", async () => {
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

describe("a handler of one copy that works with the other", () => {
  it("is the current invocation there, and hands its deadline on", async () => {
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

describe("what another copy has made", () => {
  it("is refused by toEffect and by the decorator of a class, with the copies named", () => {
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
      /^Mixed\.run was decorated with @flame of another copy.*2 copies of firelight/,
    );
  });
});

describe("telemetry", () => {
  it("of the other copy is flushed when an instance of this one shuts down", async () => {
    let flushed = 0;
    const stop = other.onFlush(() => (flushed += 1));
    await make(here, { mode: "local" }).shutdown();
    expect(flushed).toBe(1);
    stop();
  });
});

describe("a copy that nobody has configured", () => {
  it("says with its first call that another one may be", async () => {
    const lone = make(here, { mode: "parent" });
    await expect(lone.fn("alone", async () => 1)()).rejects.toThrow(
      /no pool "default" \(known pools: none\).*2 copies of firelight/,
    );
  });
});

describe("a method that is registered with the other copy", () => {
  it("is missing on a runner of this one, with an error that names both copies and where it is", async () => {
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
      expect(error.message).toContain(`lost/default is registered with that in ${folder}.`);
      return true;
    });
  });
});
