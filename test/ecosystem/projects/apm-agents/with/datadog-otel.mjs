/** Registers dd-trace as OpenTelemetry's provider, so that it records Firelight's spans. */
import tracer from "dd-trace";

new tracer.TracerProvider().register();
