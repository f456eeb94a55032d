import { describe, expect, test } from "vitest";
import { firelight, firelightProcess } from "./run-cli.ts";

describe("the firelight command", () => {
  test("lists its commands and exits with 0 for --help", async () => {
    const { code, stdout } = await firelightProcess(["--help"]);
    expect(code).toBe(0);
    for (const name of ["explain", "doctor"]) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
  });

  test("lists its commands and exits with 2 without arguments", async () => {
    const [help, nothing] = await Promise.all([firelightProcess(["--help"]), firelightProcess([])]);
    expect(nothing).toEqual({ ...help, code: 2 });
  });

  test("prints the version of the package", async () => {
    expect((await firelightProcess(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+$/m);
  });

  test.each(["explain", "doctor"])("prints the help of %s with its exit codes", async (name) => {
    const { code, stdout } = await firelight([name, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`firelight ${name} `);
    expect(stdout).toContain("Exit codes: 0 ");
  });

  test.each([
    ["a command that does not exist", ["explode"], `"explode" is not a command`],
    ["a name from the prototype", ["constructor"], `"constructor" is not a command`],
    ["an option that does not exist", ["explain", "--tracee", "1"], "Unknown option '--tracee'"],
    ["an option without its value", ["doctor", "--runner"], "--runner"],
    ["explain without a file or an id", ["explain"], "Name a telemetry file or a trace id"],
    ["a trace id without a server", ["explain", "0af7651916cd43dd8448eb211c80319c"], "--tempo URL"],
    ["an invalid URL", ["doctor", "--runner", "localhost"], `--runner is "localhost"`],
    ["arguments of doctor that are not options", ["doctor", "http://127.0.0.1:1"], "write --runner URL"],
    ["a header without a value", ["explain", "f", "--header", "secret"], `Write it as "name: value"`],
    ["two trace stores", ["explain", "f", "--tempo", "http://a", "--jaeger", "http://b"], "not both"],
  ])("exits with 2 for %s, with one line on stderr", async (_case, args, said) => {
    const { code, stdout, stderr } = await firelight(args);
    expect(stderr).toContain(said);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("prints colors with FORCE_COLOR, and none with NO_COLOR", async () => {
    const colored = await firelightProcess(["doctor"], { env: { NO_COLOR: undefined, FORCE_COLOR: "1" } });
    expect(colored.stdout).toContain("\u001b[");
    const both = await firelightProcess(["doctor"], { env: { NO_COLOR: "1", FORCE_COLOR: "1" } });
    expect(both.stdout).not.toContain("\u001b[");
  });
});
