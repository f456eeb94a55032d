/** What goes wrong with the functions that a user gives to a pool, its backend's among them. */
export type PoolTrouble =
  | {
      readonly _tag: "RunnerNotEnded";
      readonly pool: string;
      readonly runnerId: string;
      readonly backend: string;
      readonly fault: string;
      readonly error?: unknown;
    }
  | {
      readonly _tag: "UserFunctionFailed";
      readonly pool: string;
      /** The option that the function was given as. */
      readonly name: string;
      /** What it did, as the rest of a sentence. */
      readonly fault: string;
      /** What holds in its place. */
      readonly fallback: string;
      readonly error?: unknown;
    };
