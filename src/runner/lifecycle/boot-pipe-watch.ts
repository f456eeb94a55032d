/**
 * The watch for the end of the parent while the runner is still booting: whatever its entry does then, it does not
 * outlive its parent. The module that the process backend preloads starts it, and the runner's server takes it over;
 * the two may come from different copies of this file, so they meet in the global scope.
 */
import { SUPERVISION_FD } from "../../contract/process/supervision.ts";
import type { OrphanWatchOptions } from "./parent-pipe-watch.ts";
import { watchForParent } from "./parent-pipe-watch.ts";

/** Whom the watch tells. */
type WatchListener = Pick<OrphanWatchOptions, "onParentGone" | "onFailure">;

interface EarlyWatch {
  listener: WatchListener;
  stop: () => void;
}

const place: unique symbol = Symbol.for("firelight/early-watch");

const shared = globalThis as { [place]?: EarlyWatch };

/** During the boot nobody has work to finish; and a watch that fails is forgotten, so that the server starts its own. */
const duringBoot: WatchListener = {
  onParentGone: () => process.exit(1),
  onFailure: () => {
    delete shared[place];
  },
};

/** Starts it: when the parent is gone, the process exits, or is killed if it is too busy for that. Once per process. */
export const startEarlyWatch = (): void => {
  if (shared[place] !== undefined) return;
  const watch: EarlyWatch = { listener: duringBoot, stop: () => {} };
  shared[place] = watch;
  watch.stop = watchForParent({
    fd: SUPERVISION_FD,
    onParentGone: () => watch.listener.onParentGone(),
    onFailure: (cause) => watch.listener.onFailure(cause),
  });
};

/** Goes on with the watch that the boot had; gives what stops it, or `undefined` when the boot had none. */
export const takeOverWatch = (listener: WatchListener): (() => void) | undefined => {
  const watch = shared[place];
  if (watch === undefined) return undefined;
  watch.listener = listener;
  delete shared[place];
  return () => watch.stop();
};
