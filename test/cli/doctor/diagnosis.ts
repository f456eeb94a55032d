/** Runs the doctor, and creates what it checks: servers, project folders and closed ports. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Finding } from "../../../src/cli/doctor/finding.ts";
import { secret } from "../../integration/static-runners.ts";
import { firelight, firelightProcess, type Ran, type RunOptions } from "../run-cli.ts";

/** Methods of runners in these tests. */
export const methods = { echo: async (value: unknown) => value };

export interface Diagnosis {
  readonly code: number;
  readonly findings: ReadonlyArray<Finding & { readonly title: string }>;
  /** The finding of a check, in the section whose title contains `about`. */
  of(check: string, about?: string): Finding | undefined;
}

type Env = RunOptions["env"];

const diagnose = async (
  run: (args: ReadonlyArray<string>, options: RunOptions) => Promise<Ran>,
  args: ReadonlyArray<string>,
  cwd: string,
  env: Env,
): Promise<Diagnosis> => {
  const ran = await run(["doctor", "--json", ...args], {
    cwd,
    env: { FLAME_SECRET: secret, FLAME_MODE: undefined, RUNNER_URL: undefined, ...env },
  });
  expect(ran.stderr).toBe("");
  const { sections } = JSON.parse(ran.stdout) as {
    sections: ReadonlyArray<{ title: string; findings: ReadonlyArray<Finding> }>;
  };
  const findings = sections.flatMap(({ title, findings }) => findings.map((finding) => ({ ...finding, title })));
  return {
    code: ran.code,
    findings,
    of: (check, about = "") => findings.find((one) => one.check === check && one.title.includes(about)),
  };
};

/** Runs `firelight doctor` in an empty folder, with the secret of the tests. */
export const doctor = (args: ReadonlyArray<string>, env?: Env): Promise<Diagnosis> =>
  diagnose(firelight, args, folderWith({}), env);

/** Runs `firelight doctor` in this folder, as a process: it loads the configuration as a program would. */
export const doctorIn = (folder: string, args: ReadonlyArray<string> = [], env?: Env): Promise<Diagnosis> =>
  diagnose(firelightProcess, args, folder, env);

/** Starts a server that ends with the test. */
export const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Returns a URL on which nothing listens. */
export const closedPort = async (): Promise<string> => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
};

/** Creates a folder with these files, which is removed when the test ends. */
export const folderWith = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), "firelight-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
};
