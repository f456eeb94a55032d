/** dd-trace as OpenTelemetry's provider, so that Firelight's spans are Datadog's. */
import tracer from "dd-trace";

new tracer.TracerProvider().register();
