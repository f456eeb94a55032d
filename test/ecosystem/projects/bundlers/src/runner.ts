import { flame } from "firelight";
import "./services.ts";

void flame.createRunnerServer().ready;
