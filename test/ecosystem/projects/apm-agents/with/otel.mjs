/** OpenTelemetry's SDK with every instrumentation that it has for Node. */
import { getNodeAutoInstrumentations } from "@opentelemetry/auto-instrumentations-node";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ instrumentations: [getNodeAutoInstrumentations()] });
sdk.start();
globalThis.flushAgent = () => sdk.shutdown();
process.once("SIGTERM", () => void sdk.shutdown());
