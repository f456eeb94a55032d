/**
 * The pictures to work on: those of a folder, or a set painted on the first run.
 * Painted pictures are landscapes with the pixels, grain and file size of a
 * camera's; the same seed gives the same picture.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";

/** All pictures in a folder, in the order of their names. */
export const findPhotos = async (folder: string): Promise<ReadonlyArray<string>> => {
  const names = await readdir(folder);
  return names
    .filter((name) => /\.(jpe?g|png|webp|avif|tiff?)$/i.test(name))
    .toSorted()
    .map((name) => join(folder, name));
};

export interface PaintOptions {
  /** Default 16. */
  readonly count?: number;
  /** Pixels of a picture, compared with a camera's. Default 1: 4 to 12 megapixels. */
  readonly scale?: number;
  /** Called after each picture that was painted. */
  readonly onPainted?: (done: number, missing: number) => void;
}

const sizes = [
  [4000, 3000],
  [3000, 4000],
  [3264, 2448],
  [4032, 2268],
  [2448, 3264],
  [3648, 2736],
  [2560, 1600],
] as const;

/** Paints the pictures that are not in the folder yet. */
export const paintPhotos = async (
  folder: string,
  { count = 16, scale = 1, onPainted }: PaintOptions = {},
): Promise<void> => {
  await mkdir(folder, { recursive: true });
  const pathOf = (number: number): string => join(folder, `photo-${String(number).padStart(2, "0")}.jpg`);
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter(
    (number) => !existsSync(pathOf(number)),
  );
  let done = 0;

  const queue = missing.values();
  const painter = async (): Promise<void> => {
    for (const number of queue) {
      const [width, height] = sizes[number % sizes.length]!;
      const path = pathOf(number);
      await paint(`${path}.part`, number, Math.round(width * Math.sqrt(scale)), Math.round(height * Math.sqrt(scale)));
      await rename(`${path}.part`, path);
      onPainted?.(++done, missing.length);
    }
  };
  await Promise.all([painter(), painter()]);
};

/** Numbers from 0 up to 1, the same ones for the same seed. */
const seeded = (seed: number): (() => number) => {
  let state = Math.imul(seed, 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

interface Palette {
  readonly sky: readonly [top: string, middle: string, horizon: string];
  readonly light: string;
  /** From the farthest ridge to the nearest. */
  readonly ridges: readonly [string, string, string, string];
}

const palettes: ReadonlyArray<Palette> = [
  { sky: ["#1b2a4e", "#7a5c8d", "#f6b27a"], light: "#fff0c4", ridges: ["#8a6f8f", "#5d5279", "#3a3a5c", "#1d2136"] },
  { sky: ["#3f7fc4", "#86b6e3", "#dcecf5"], light: "#ffffff", ridges: ["#9db6c6", "#6f9187", "#4a6f52", "#2c4a2c"] },
  { sky: ["#0a1026", "#182444", "#33466b"], light: "#e8ecff", ridges: ["#2b3a59", "#202c46", "#161f33", "#0b101c"] },
  { sky: ["#c96a3b", "#e9a15b", "#fbe2a8"], light: "#fff6d8", ridges: ["#c98a5b", "#a86340", "#7a4230", "#46251f"] },
  { sky: ["#6d8aa0", "#a5b8c3", "#e3e8e6"], light: "#f7f7f2", ridges: ["#b4c0c2", "#8a9a98", "#5f7270", "#394a48"] },
];

/** A ridge from the left edge to the right one, rougher the nearer it is. */
const ridge = (random: () => number, base: number, height: number): ReadonlyArray<number> => {
  let heights = [random(), random(), random()];
  for (let rough = 0.5; heights.length < 200; rough /= 1.9) {
    heights = heights.flatMap((here, index) => {
      const next = heights[index + 1];
      return next === undefined ? [here] : [here, (here + next) / 2 + (random() - 0.5) * rough];
    });
  }
  return heights.map((value) => base - value * height);
};

const polygon = (edge: ReadonlyArray<number>, bottom: number, fill: string): string => {
  const points = edge.map((y, index) => `${((index / (edge.length - 1)) * 1000).toFixed(1)},${y.toFixed(1)}`);
  return `<polygon fill="${fill}" points="0,${bottom} ${points.join(" ")} 1000,${bottom}"/>`;
};

const trees = (random: () => number, edge: ReadonlyArray<number>, fill: string): string =>
  Array.from({ length: 160 }, () => {
    const at = Math.floor(random() * edge.length);
    const x = (at / (edge.length - 1)) * 1000;
    const y = edge[at]! + 4 + random() * 60;
    const tall = 14 + random() * 34;
    return `<path fill="${fill}" fill-opacity="0.9" d="M${x} ${y - tall}l${tall / 4} ${tall}h${-tall / 2}z"/>`;
  }).join("");

const landscape = (seed: number, random: () => number, width: number, height: number): string => {
  const bottom = (1000 * height) / width;
  const { sky, light, ridges } = palettes[seed % palettes.length]!;
  const [x, y, radius] = [150 + random() * 700, bottom * (0.15 + random() * 0.3), 18 + random() * 30];
  const edges = ridges.map((_, index) => ridge(random, bottom * (0.62 + index * 0.12), bottom * (0.34 - index * 0.05)));
  const stops = sky.map((color, index) => `<stop offset="${index * 0.4}" stop-color="${color}"/>`).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 1000 ${bottom}">
    <defs>
      <linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">${stops}</linearGradient>
      <radialGradient id="glow"><stop offset="0" stop-color="${light}" stop-opacity="0.8"/><stop offset="1" stop-color="${light}" stop-opacity="0"/></radialGradient>
    </defs>
    <rect width="1000" height="${bottom}" fill="url(#sky)"/>
    <circle cx="${x}" cy="${y}" r="${radius * 8}" fill="url(#glow)"/>
    <circle cx="${x}" cy="${y}" r="${radius}" fill="${light}"/>
    ${edges.map((edge, index) => polygon(edge, bottom, ridges[index]!)).join("")}
    ${trees(random, edges.at(-1)!, ridges[3])}
  </svg>`;
};

const tileSize = 512;

/** Grain as a camera's sensor makes it: without it a JPEG would be a tenth of the size and decode in no time. */
const grain = (random: () => number): Buffer => {
  const pixels = Buffer.alloc(tileSize * tileSize * 4);
  for (let at = 0; at < pixels.length; at += 4) {
    pixels.fill(Math.round(random() * 255), at, at + 3);
    pixels[at + 3] = 28;
  }
  return pixels;
};

const paint = async (path: string, seed: number, width: number, height: number): Promise<void> => {
  const random = seeded(seed);
  const tile = { width: tileSize, height: tileSize, channels: 4 } as const;
  await sharp(Buffer.from(landscape(seed, random, width, height)))
    .composite([{ input: grain(random), raw: tile, tile: true, blend: "over" }])
    .removeAlpha()
    .jpeg({ quality: 92 })
    .toFile(path);
};
