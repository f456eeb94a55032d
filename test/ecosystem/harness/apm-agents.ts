/** The agents of APM vendors: how each is loaded and configured to send its data to this machine. */
import { existsSync, readFileSync } from "node:fs";
import type { RuntimeName } from "../../harness/runtimes.ts";
import type { AgentSpan, ApmReceiver } from "./apm-receiver.ts";

export interface ApmAgent {
  /** Default: Node. */
  readonly runtime?: RuntimeName;
  /** The project in which it is installed. */
  readonly project: "apm-agents" | "otel-current";
  /** Arguments for Node that load it. */
  readonly args: ReadonlyArray<string>;
  env(receiver: ApmReceiver, service: string, folder: string): Readonly<Record<string, string>>;
}

const newRelicFile = (folder: string): string => `${folder}/newrelic-spans.jsonl`;

const otelEnv: ApmAgent["env"] = (receiver, service) => ({
  OTEL_SERVICE_NAME: service,
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.otlpUrl,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "none",
  OTEL_LOGS_EXPORTER: "none",
  OTEL_BSP_SCHEDULE_DELAY: "100",
});

const datadogEnv: ApmAgent["env"] = (receiver, service) => ({
  DD_TRACE_AGENT_URL: receiver.url,
  DD_SERVICE: service,
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: "false",
  DD_REMOTE_CONFIGURATION_ENABLED: "false",
  DD_TRACE_STARTUP_LOGS: "false",
  DD_TRACE_FLUSH_INTERVAL: "100",
});

const elasticEnv =
  (bridge: boolean): ApmAgent["env"] =>
  (receiver, service) => ({
    ELASTIC_APM_SERVER_URL: receiver.url,
    ELASTIC_APM_SERVICE_NAME: service,
    ELASTIC_APM_CENTRAL_CONFIG: "false",
    ELASTIC_APM_CLOUD_PROVIDER: "none",
    ELASTIC_APM_API_REQUEST_TIME: "1s",
    ELASTIC_APM_LOG_LEVEL: "error",
    ELASTIC_APM_METRICS_INTERVAL: "0s",
    ELASTIC_APM_SPAN_COMPRESSION_ENABLED: "false",
    ELASTIC_APM_EXIT_SPAN_MIN_DURATION: "0ms",
    ELASTIC_APM_OPENTELEMETRY_BRIDGE_ENABLED: String(bridge),
  });

const newRelicEnv =
  (bridge: boolean): ApmAgent["env"] =>
  (_receiver, service, folder) => ({
    NEW_RELIC_APP_NAME: service,
    NEW_RELIC_LICENSE_KEY: "0".repeat(40),
    NEW_RELIC_SERVERLESS_MODE_ENABLED: "true",
    NEW_RELIC_NO_CONFIG_FILE: "true",
    NEW_RELIC_LOG_ENABLED: "false",
    NEW_RELIC_DISTRIBUTED_TRACING_ENABLED: "true",
    NEW_RELIC_OPENTELEMETRY_ENABLED: String(bridge),
    NEW_RELIC_SPANS: newRelicFile(folder),
  });

const sentryEnv =
  (more: Readonly<Record<string, string>>): ApmAgent["env"] =>
  (receiver, service) => ({
    SENTRY_DSN: receiver.url.replace("http://", "http://key@").concat("/1"),
    SENTRY_ENVIRONMENT: service,
    ...more,
  });

const datadog = ["--import", "dd-trace/initialize.mjs"];
const elastic = ["--experimental-loader", "elastic-apm-node/loader.mjs", "--require", "elastic-apm-node/start.js"];
const newRelic = ["--import", "newrelic/esm-loader.mjs", "--import", "./with/newrelic.mjs"];
const sentry = ["--import", "./with/sentry.mjs"];
const otel = ["--import", "./with/otel.mjs"];

/** Each agent as its documentation configures it. A name that ends in `+otel` adds its bridge for OpenTelemetry's API. */
export const apmAgents = {
  "dd-trace": { project: "apm-agents", args: datadog, env: datadogEnv },
  "dd-trace+otel": {
    project: "apm-agents",
    args: [...datadog, "--import", "./with/datadog-otel.mjs"],
    env: datadogEnv,
  },
  elastic: { project: "apm-agents", args: elastic, env: elasticEnv(false) },
  "elastic+otel": { project: "apm-agents", args: elastic, env: elasticEnv(true) },
  newrelic: { project: "apm-agents", args: newRelic, env: newRelicEnv(false) },
  "newrelic+otel": { project: "apm-agents", args: newRelic, env: newRelicEnv(true) },
  sentry: { project: "apm-agents", args: sentry, env: sentryEnv({ SENTRY_TRACES: "1" }) },
  "sentry+otel": {
    project: "apm-agents",
    args: sentry,
    env: sentryEnv({ SENTRY_TRACES: "1", SENTRY_OPENTELEMETRY: "1" }),
  },
  "sentry on bun": {
    runtime: "bun",
    project: "apm-agents",
    args: ["--preload", "./with/sentry-bun.mjs"],
    env: sentryEnv({}),
  },
  "sentry for errors": { project: "apm-agents", args: sentry, env: sentryEnv({}) },
  "otel 0.223": { project: "apm-agents", args: otel, env: otelEnv },
  "otel 0.301": { project: "otel-current", args: otel, env: otelEnv },
} satisfies Record<string, ApmAgent>;

interface NewRelicTransaction {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly segments: ReadonlyArray<{ readonly name: string; readonly spanId: string; readonly parentId?: string }>;
}

/** The spans that New Relic's agent has written to a folder. */
export const newRelicSpans = (folder: string): ReadonlyArray<AgentSpan> =>
  existsSync(newRelicFile(folder))
    ? readFileSync(newRelicFile(folder), "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as NewRelicTransaction)
        .flatMap(({ service, name, traceId, segments }) =>
          segments.map((segment, at) => ({
            service,
            name: at === 0 ? name : segment.name,
            traceId,
            spanId: segment.spanId,
            parentId: segment.parentId ?? "",
            text: JSON.stringify(segment),
          })),
        )
    : [];
