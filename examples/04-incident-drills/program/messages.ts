/** What the drills' main process and a drill's parent process say to each other. */

export type Order = "break" | "heal" | "stop";

export type Answer =
  | { readonly done: "ready"; readonly metricsUrl: string }
  | { readonly done: Order }
  | { readonly done: "failed"; readonly reason: string };
