/** OpenTelemetry's SDK with all instrumentations for Node. */
import { getNodeAutoInstrumentations } from "@opentelemetry/auto-instrumentations-node";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({ instrumentations: [getNodeAutoInstrumentations()] });
sdk.start();
globalThis.flushAgent = () => sdk.shutdown();
process.once("SIGTERM", () => void sdk.shutdown());
