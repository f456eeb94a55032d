/** The job: a thumbnail, a blurhash and the facts of each picture, written to a folder. */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { FlameError } from "firelight";
import { Images, type PictureFacts } from "./services.ts";

/** Number of pictures processed concurrently: enough to keep every slot busy without long waits. */
const picturesAtATime = 3;
const longestSide = 320;

export interface AlbumEntry extends PictureFacts {
  /** Path of the original. */
  readonly picture: string;
  /** Path of the thumbnail, from the folder of the album. */
  readonly thumbnail: string;
  readonly blurhash: string;
}

/** The ledger of one run: every call that was made, and the outcome of those without a result. */
export class Books {
  made = 0;
  settled = 0;
  readonly failures: Array<FlameError> = [];
  readonly #onSettled: (settled: number) => void;

  constructor(onSettled: (settled: number) => void) {
    this.#onSettled = onSettled;
  }

  /** Enters a call; `undefined` when it failed. What is not Firelight's error is a bug and goes on. */
  async enter<A>(call: Promise<A>): Promise<A | undefined> {
    this.made++;
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof FlameError)) throw error;
      this.failures.push(error);
      return undefined;
    } finally {
      this.#onSettled(++this.settled);
    }
  }
}

/** Calls per picture. */
export const callsPerPicture = 3;

/** Processes all pictures. Those with a failed call are missing in the result. */
export const makeAlbum = async (
  pictures: ReadonlyArray<string>,
  folder: string,
  books: Books,
): Promise<ReadonlyArray<AlbumEntry>> => {
  await mkdir(join(folder, "thumbnails"), { recursive: true });
  const entries: Array<AlbumEntry> = [];

  const workOn = async (picture: string): Promise<void> => {
    const [facts, thumbnail, blurhash] = await Promise.all([
      books.enter(Images.metadata(picture)),
      books.enter(Images.thumbnail(picture, longestSide)),
      books.enter(Images.blurhash(picture)),
    ]);
    if (facts === undefined || thumbnail === undefined || blurhash === undefined) return;
    const name = basename(picture);
    const path = join("thumbnails", /\.jpe?g$/i.test(name) ? name : `${name}.jpg`);
    await writeFile(join(folder, path), thumbnail);
    entries.push({ picture, thumbnail: path, blurhash, ...facts });
  };

  const queue = pictures.values();
  const worker = async (): Promise<void> => {
    for (const picture of queue) await workOn(picture);
  };
  await Promise.all(Array.from({ length: picturesAtATime }, worker));

  const album = entries.toSorted((left, right) => left.picture.localeCompare(right.picture));
  await writeFile(join(folder, "album.json"), `${JSON.stringify(album, null, 2)}\n`);
  return album;
};
