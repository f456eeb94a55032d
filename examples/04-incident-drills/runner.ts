/** A runner of every drill. */
import { flame } from "firelight";
import { startOpenTelemetry } from "firelight/otel";
import { obeyClockJumps } from "./program/clock-jump.ts";
import { loadModel } from "./program/services.ts";

obeyClockJumps();
startOpenTelemetry();
await loadModel();
const server = flame.createRunnerServer();
await server.ready;
