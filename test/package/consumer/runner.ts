import { flame } from "firelight";
import "./services.ts";

const server = flame.createRunnerServer({ port: 0, hostname: "127.0.0.1" });
await server.ready;
console.log(`ready ${server.url}`);
