/** Logs the frames of links to stderr with `FLAME_DEBUG=link`: types, call ids and sizes, never heads or bodies. */
import { type Frame, frameName } from "./frame.ts";

const enabled = (process.env["FLAME_DEBUG"] ?? "").split(",").includes("link");

/** Logs a frame, if frames are logged. */
export const logFrame = (
  side: string,
  direction: "sent" | "received",
  { type, callId, head, body }: Pick<Frame, "type" | "callId" | "head"> & { readonly body: Uint8Array },
): void => {
  if (!enabled) return;
  const call = callId === 0 ? "" : ` call=${callId}`;
  process.stderr.write(
    `flame link ${side} ${direction} ${frameName(type)}${call} head=${head.length} body=${body.byteLength}\n`,
  );
};
