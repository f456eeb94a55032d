/** A runner. */
import { flame } from "firelight";
import "./services.ts";

const server = flame.createRunnerServer();
await server.ready;
