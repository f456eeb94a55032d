import { createServer } from "node:http";
import { flame } from "firelight";
import { startOwnServer } from "./services.js";

await startOwnServer(createServer);
await flame.createRunnerServer().ready;
