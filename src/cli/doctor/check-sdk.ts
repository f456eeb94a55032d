/** Checks that `firelight/otel` works with the installed packages, by exporting a span and a log record. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { type Finding, failed, ok, skipped } from "./finding.ts";

const check = "OpenTelemetry SDK";
const name = "firelight.doctor";
const run = promisify(execFile);
const timeoutMs = 20_000;

/** Returns the paths that received an export with the name while `use` ran. */
const receive = async <A>(use: (endpoint: string) => Promise<A>): Promise<readonly [A, ReadonlySet<string>]> => {
  const received = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (Buffer.concat(chunks).includes(name)) received.add(request.url ?? "");
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  try {
    return [await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), received];
  } finally {
    server.closeAllConnections();
    server.close();
  }
};

interface Probed {
  readonly problem?: string;
  readonly isRecording?: boolean;
}

/** Removes OpenTelemetry's variables: their exporter settings must not affect the check. */
const bareEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([variable]) => !variable.startsWith("OTEL_") && variable !== "NODE_OPTIONS"),
  );

const probe = async (endpoint: string, project: string): Promise<Probed> => {
  const program = join(import.meta.dirname, `sdk-probe${extname(import.meta.filename)}`);
  try {
    const { stdout } = await run(process.execPath, [program, endpoint, project, name], {
      cwd: project,
      env: bareEnvironment(),
      timeout: timeoutMs,
    });
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Probed;
  } catch (error) {
    return { problem: error instanceof Error ? (error.message.split("\n").at(-1) ?? error.message) : String(error) };
  }
};

/**
 * Starts OpenTelemetry in a separate process, in the project's folder.
 *
 * @param installed whether the required packages are installed
 */
export const checkSdk = async (project: string, installed: boolean): Promise<Finding> => {
  if (!installed) return skipped(check, "not started, because its packages are not installed");
  const [{ problem, isRecording }, received] = await receive((endpoint) => probe(endpoint, project));
  if (problem !== undefined)
    return failed(
      check,
      `firelight/otel failed to start: ${problem}`,
      "Install the packages that the documentation lists, all of the same generation.",
    );
  if (isRecording !== true || !received.has("/v1/traces")) {
    return failed(
      check,
      "firelight/otel did not record or export a span of your code",
      "There are probably two copies of @opentelemetry/api. npm ls @opentelemetry/api shows which package needs which.",
      "FlameTelemetryLoss",
    );
  }
  if (!received.has("/v1/logs"))
    return failed(
      check,
      "firelight/otel did not export a log record",
      "Install the packages that the documentation lists, all of the same generation.",
    );
  return ok(check, "firelight/otel recorded and exported a span and a log record");
};
