/**
 * Watches for the exit of the parent while the runner boots, so that the runner does not outlive it whatever its entry
 * does. The module that the process backend preloads starts the watch, and the server of the runner takes it over. The
 * two may use different copies of this file, so they share the watch in the global scope.
 */
import { SUPERVISION_FD } from "../../contract/process/supervision.ts";
import { type OrphanWatchOptions, watchForParent } from "./parent-pipe-watch.ts";

/** What the watch calls. */
type WatchListener = Pick<OrphanWatchOptions, "onParentGone" | "onFailure">;

interface EarlyWatch {
  listener: WatchListener;
  stop: () => void;
}

const place: unique symbol = Symbol.for("firelight/early-watch");

const shared = globalThis as { [place]?: EarlyWatch };

/** During the boot there is no work to finish. A watch that fails is dropped, and the server starts its own. */
const duringBoot: WatchListener = {
  onParentGone: () => process.exit(1),
  onFailure: () => {
    delete shared[place];
  },
};

/**
 * Starts the watch. When the parent has exited, the process exits, or is killed if its main thread is blocked. Once per
 * process.
 */
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

/** Takes over the watch of the boot. Returns a function that stops it; `undefined` if the boot had none. */
export const takeOverWatch = (listener: WatchListener): (() => void) | undefined => {
  const watch = shared[place];
  if (watch === undefined) return undefined;
  watch.listener = listener;
  delete shared[place];
  return () => watch.stop();
};
