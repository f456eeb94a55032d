/** What runners do with a picture. Parent and runner import this file; what it imports runs where it is called. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { encode } from "blurhash";
import { defineMethod, flame, FlameMethodError } from "firelight";
import sharp from "sharp";

export interface PictureFacts {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

/** The details of a `corrupt_image` error. */
export interface CorruptImage {
  readonly file: string;
  readonly reason: string;
}

/** A broken file stays broken: its error has a code for the caller and is not retryable. */
const decoding = <A>(path: string, work: Promise<A>): Promise<A> =>
  work.catch((cause: Error) => {
    const details: CorruptImage = { file: basename(path), reason: cause.message };
    throw new FlameMethodError("corrupt_image", `${details.file} cannot be decoded: ${cause.message}`, {
      details,
      cause,
    });
  });

export const Images = flame.service(
  "images",
  {
    metadata: defineMethod("metadata", async (ctx, path: string): Promise<PictureFacts> => {
      const file = await readFile(path, { signal: ctx.signal });
      const { format, width, height } = await decoding(path, sharp(file).metadata());
      return { format, width, height, bytes: file.length };
    }),

    thumbnail: defineMethod("thumbnail", async (ctx, path: string, longestSide: number): Promise<Uint8Array> => {
      const file = await readFile(path, { signal: ctx.signal });
      const small = sharp(file).autoOrient().resize(longestSide, longestSide, { fit: "inside" }).jpeg({ quality: 80 });
      return new Uint8Array(await decoding(path, small.toBuffer()));
    }),

    blurhash: defineMethod("blurhash", async (ctx, path: string): Promise<string> => {
      const file = await readFile(path, { signal: ctx.signal });
      const tiny = sharp(file).autoOrient().resize(64, 64, { fit: "inside" }).ensureAlpha().raw();
      const { data, info } = await decoding(path, tiny.toBuffer({ resolveWithObject: true }));
      return encode(new Uint8ClampedArray(data), info.width, info.height, 4, 3);
    }),

    /** Enlarges a picture and removes its noise: seconds of work, which end soon after the caller's deadline. */
    enhance: defineMethod("enhance", async (ctx, path: string): Promise<Uint8Array> => {
      const file = await readFile(path, { signal: ctx.signal });
      const secondsLeft = Math.ceil(((ctx.deadline ?? Infinity) - Date.now()) / 1000);
      const enhanced = sharp(file).resize(6000).median(9).sharpen().jpeg();
      if (Number.isFinite(secondsLeft)) enhanced.timeout({ seconds: Math.max(1, secondsLeft) });
      return new Uint8Array(await enhanced.toBuffer());
    }),
  },
  { pool: "images", timeoutMs: 20_000, retry: { maxAttempts: 3, baseDelayMs: 100 } },
);
