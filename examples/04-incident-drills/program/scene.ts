/** What a drill has to work with in its parent process. */
import type { PoolConfig, PoolHandle } from "firelight";
import type { ProcessBackend } from "firelight/backends/process";
import type { Supplier } from "./supplier.ts";
import type { Crowd } from "./traffic.ts";

/** Drills put their fault and their traffic together from these. */
export interface Scene {
  readonly supplier: Supplier;
  readonly crowd: Crowd;
  /** Starts runners as child processes. */
  readonly backend: ProcessBackend;
  /** Configures the parent: the pool that is named after the drill, and others. Without a secret, one is made up. */
  configure(pool: PoolConfig, more?: Readonly<Record<string, PoolConfig>>, secret?: string): Promise<void>;
  /** Waits until so many runners of the drill's pool are up, and gives the pool. */
  untilUp(runners: number): Promise<PoolHandle>;
}
