import { flame } from "firelight";
import "./lib/services.js";

await flame.createRunnerServer().ready;
