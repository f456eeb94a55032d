/** All drills, in the order in which they run. */
import type { Drill } from "../drill.ts";
import { badSignature } from "./bad-signature.ts";
import { clockSkew } from "./clock-skew.ts";
import { collectorDown } from "./collector-down.ts";
import { coldStartStorm } from "./cold-start-storm.ts";
import { crashLoop } from "./crash-loop.ts";
import { poolSaturation } from "./pool-saturation.ts";
import { retryStorm } from "./retry-storm.ts";
import { shortDeadline } from "./short-deadline.ts";
import { slowMethod } from "./slow-method.ts";

export const drills: ReadonlyArray<Drill> = [
  slowMethod,
  poolSaturation,
  coldStartStorm,
  crashLoop,
  retryStorm,
  shortDeadline,
  badSignature,
  clockSkew,
  collectorDown,
];
