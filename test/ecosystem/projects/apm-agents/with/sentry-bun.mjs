import * as Sentry from "@sentry/bun";

Sentry.init({ dsn: process.env.SENTRY_DSN, tracesSampleRate: 1 });
setInterval(() => Sentry.flush(1_000), 200).unref();
globalThis.reportError = (message) => void Sentry.captureException(new Error(message));
globalThis.flushAgent = () => Sentry.flush(2_000);
