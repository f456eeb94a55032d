import { flame } from "firelight";
import "./services.js";

await flame.createRunnerServer().ready;
