/** Checks an OTLP/HTTP receiver by sending an empty export. */
import { shownAddress, withoutSecrets } from "../../contract/config/runner-url.ts";
import { alertOf } from "../alerts.ts";
import type { CommandContext } from "../command.ts";
import { harmless } from "../terminal.ts";
import { ask } from "../unreachable.ts";
import { type Finding, failed, ok, skipped } from "./finding.ts";

const check = "OTLP";

/** Returns the trace endpoint of the standard variables; `undefined` if none is set. */
const addressIn = (env: CommandContext["env"]): string | undefined => {
  const traces = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]?.trim();
  if (traces) return traces;
  const base = env["OTEL_EXPORTER_OTLP_ENDPOINT"]?.trim();
  return base ? tracesUnder(base) : undefined;
};

const tracesUnder = (base: string): string => `${base.replace(/\/+$/, "")}/v1/traces`;

const headersIn = (env: CommandContext["env"]): Record<string, string> => {
  const text = env["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] ?? env["OTEL_EXPORTER_OTLP_HEADERS"] ?? "";
  return Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const [, name, value] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
      return name === undefined || value === undefined ? [] : [[name, decode(value)] as const];
    }),
  );
};

const decode = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
};

const protocolIn = (env: CommandContext["env"]): string =>
  (env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"])?.trim() || "http/protobuf";

/** Returns an empty export, which has no bytes in protobuf. */
const emptyExport = (protocol: string): { readonly type: string; readonly body: Uint8Array } =>
  protocol === "http/json"
    ? { type: "application/json", body: Buffer.from(`{"resourceSpans":[]}`) }
    : { type: "application/x-protobuf", body: new Uint8Array(0) };

const grpcPort = "4317";

const grpcHint = (address: string): string =>
  new URL(address).port === grpcPort
    ? `Port ${grpcPort} is usually for gRPC. Firelight uses HTTP, whose port is usually 4318. `
    : "";

const remedies: Readonly<Record<number, string>> = {
  401: "Set OTEL_EXPORTER_OTLP_HEADERS to the credentials of the receiver, as in authorization=Bearer%20….",
  403: "Set OTEL_EXPORTER_OTLP_HEADERS to the credentials of the receiver, as in authorization=Bearer%20….",
  404: "Give the base address of an OTLP/HTTP receiver; /v1/traces is appended to it.",
  405: "Give the base address of an OTLP/HTTP receiver; /v1/traces is appended to it.",
  415: "The receiver does not accept this encoding. Set OTEL_EXPORTER_OTLP_PROTOCOL to http/json or http/protobuf.",
};

/** Checks the receiver `given`, or the one of the standard variables. */
export const checkOtlp = async (given: string | undefined, env: CommandContext["env"]): Promise<Finding> => {
  const address = given === undefined ? addressIn(env) : tracesUnder(given);
  if (address === undefined) {
    return skipped(
      check,
      "no receiver is configured",
      "To check one, set OTEL_EXPORTER_OTLP_ENDPOINT or give --otlp URL.",
    );
  }
  if (!/^https?:$/.test(URL.parse(address)?.protocol ?? ""))
    return failed(
      check,
      `${shownAddress(address)} is not a valid address`,
      "Write it as http://localhost:4318.",
      alertOf.spansLost,
    );
  const protocol = protocolIn(env);
  if (protocol === "grpc") {
    return failed(
      check,
      "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which firelight/otel does not support",
      "Set it to http/protobuf, and the endpoint to the receiver's HTTP port, usually 4318.",
    );
  }
  const { type, body } = emptyExport(protocol);
  const answer = await ask(address, { method: "POST", headers: { ...headersIn(env), "content-type": type }, body });
  if ("problem" in answer) return failed(check, answer.problem, `${grpcHint(address)}${answer.fix}`, alertOf.spansLost);
  if (answer.status >= 200 && answer.status < 300) return ok(check, `${withoutSecrets(address)} accepts ${protocol}`);
  return failed(
    check,
    `${withoutSecrets(address)} responded ${answer.status} to ${protocol}: ${harmless(answer.text()).slice(0, 160)}`,
    `${grpcHint(address)}${remedies[answer.status] ?? "Check the receiver's log."}`,
    alertOf.spansLost,
  );
};
