import { describe, expect, test } from "vitest";
import { InvokeError } from "../../src/contract/errors.ts";
import { isInstance, messageOf, readThrown, type ThrownError, valueText } from "../../src/contract/thrown.ts";
import { type Hostile, hostile } from "../integration/fixtures/hostile-values.ts";

const count = ({ cause, errors = [] }: ThrownError): number =>
  1 + (cause === undefined ? 0 : count(cause)) + errors.reduce((sum, error) => sum + count(error), 0);

describe("readThrown", () => {
  test.each(Object.keys(hostile) as ReadonlyArray<Hostile>)("returns plain data of bounded size for %s", (what) => {
    const said = readThrown(hostile[what]());
    expect(structuredClone(said)).toEqual(said);
    expect(JSON.stringify(said).length).toBeLessThan(128 * 1_024);
    expect(count(said)).toBeLessThanOrEqual(16);
    expect(said.name).toEqual(expect.any(String));
    expect(said.message).toEqual(expect.any(String));
    expect(typeof messageOf(hostile[what]())).toBe("string");
    expect(typeof valueText(hostile[what]())).toBe("string");
    expect(typeof isInstance(hostile[what](), Error)).toBe("boolean");
  });

  test("includes the name, message, stack, cause and code of an error", () => {
    const cause = Object.assign(new RangeError("inner"), { code: "E_INNER", errno: -111 });
    expect(readThrown(new TypeError("outer", { cause }))).toEqual({
      name: "TypeError",
      message: "outer",
      stack: expect.stringContaining("thrown.test"),
      cause: { name: "RangeError", message: "inner", code: "E_INNER", stack: expect.stringContaining("thrown.test") },
    });
  });

  test("includes the errors of an AggregateError, also non-errors, and both errors of a SuppressedError", () => {
    expect(readThrown(new AggregateError([new Error("a"), "b"], "many")).errors).toMatchObject([
      { name: "Error", message: "a" },
      { name: "string", message: "b" },
    ]);
    const suppressed = Object.assign(new Error("x"), {
      name: "SuppressedError",
      error: new Error("last"),
      suppressed: new Error("first"),
    });
    expect(readThrown(suppressed).errors).toMatchObject([{ message: "last" }, { message: "first" }]);
  });

  test("includes the remote error of a failed call as the cause", () => {
    const remote = { name: "AggregateError", message: "m", errors: [{ name: "Error", message: "e", code: "E" }] };
    expect(readThrown(new InvokeError("remote_error", "x", { remote })).cause).toMatchObject(remote);
  });
});
