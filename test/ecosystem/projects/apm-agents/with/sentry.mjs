import * as Sentry from "@sentry/node";

const { SENTRY_DSN, SENTRY_TRACES, SENTRY_OPENTELEMETRY } = process.env;
Sentry.init({
  dsn: SENTRY_DSN,
  ...(SENTRY_TRACES === "1" ? { tracesSampleRate: 1 } : {}),
  enableOpenTelemetrySetup: SENTRY_OPENTELEMETRY === "1",
});
setInterval(() => Sentry.flush(1_000), 200).unref();
globalThis.reportError = (message) => void Sentry.captureException(new Error(message));
globalThis.flushAgent = () => Sentry.flush(2_000);
