/** A runner: the same code as the parent, another entry point. It serves until it gets SIGTERM or SIGINT. */
import { flame } from "firelight";
import "./services.ts";

const server = flame.createRunnerServer();
await server.ready;
console.log(`runner ${process.pid} serves ${server.url}`);
