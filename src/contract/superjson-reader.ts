/**
 * Reads superjson's annotations (`meta`, version 1) and makes the values that
 * they describe. superjson's own reader takes quadratic time on hostile
 * annotations, and misplaces members of a Set or keys of a Map that other parts
 * of the message share; this one is linear, strict, and never runs a pattern or a
 * constructor of the sender's choice.
 */
import { isForbiddenKey, MAX_ANNOTATIONS, MAX_DEPTH } from "./codec-limits.ts";
import { isObject } from "./json-guard.ts";
import { makeValue } from "./superjson-values.ts";

/** What the annotations say of the value at one path. Notes of one shared value are united: one of them forwards to the other. */
interface Note {
  forward: Note | undefined;
  /** An annotation, such as `"Date"` or `["custom","bytes"]`. */
  type: unknown;
  readonly children: Map<string, Note>;
  state: "open" | "busy" | "made";
  value: unknown;
}

const makeNote = (): Note => ({
  forward: undefined,
  type: undefined,
  children: new Map(),
  state: "open",
  value: undefined,
});

const resolve = (note: Note): Note => {
  let last = note;
  while (last.forward !== undefined) last = last.forward;
  for (let step = note; step.forward !== undefined;) {
    const next = step.forward;
    step.forward = last;
    step = next;
  }
  return last;
};

const parsePath = (path: string): Array<string> => {
  if (!path.includes("\\")) return path.split(".");
  const segments: Array<string> = [];
  let segment = "";
  for (let at = 0; at < path.length; at++) {
    const char = path.charAt(at);
    if (char === ".") {
      segments.push(segment);
      segment = "";
    } else if (char === "\\") {
      const escaped = path.charAt(++at);
      if (escaped !== "\\" && escaped !== ".") throw new TypeError("its annotations have a malformed path");
      segment += escaped;
    } else {
      segment += char;
    }
  }
  segments.push(segment);
  return segments;
};

class Annotations {
  readonly root: Note = makeNote();
  #count = 0;

  #at(path: string, from: Note, depth: number): { readonly note: Note; readonly depth: number } {
    const segments = parsePath(path);
    if (depth + segments.length > MAX_DEPTH) throw new RangeError(`its annotations are more than ${MAX_DEPTH} deep`);
    let note = resolve(from);
    for (const segment of segments) {
      if (isForbiddenKey(segment))
        throw new TypeError(`its annotations name ${segment}, which is refused because it could change prototypes`);
      let child = note.children.get(segment);
      if (child === undefined) {
        child = makeNote();
        note.children.set(segment, child);
      }
      note = resolve(child);
    }
    return { note, depth: depth + segments.length };
  }

  #countOne(): void {
    if (++this.#count > MAX_ANNOTATIONS) throw new RangeError(`it has more than ${MAX_ANNOTATIONS} annotations`);
  }

  readValues(tree: unknown, note: Note, depth: number): void {
    let children = tree;
    if (Array.isArray(tree)) {
      this.#countOne();
      if (tree.length < 1 || tree.length > 2 || note.type !== undefined)
        throw new TypeError("its annotations are malformed");
      note.type = tree[0];
      children = tree.length === 2 ? tree[1] : {};
    }
    if (!isObject(children)) throw new TypeError("its annotations are malformed");
    for (const path of Object.keys(children)) {
      const target = this.#at(path, note, depth);
      this.readValues(children[path], target.note, target.depth);
    }
  }

  readEqualities(equalities: unknown): void {
    if (Array.isArray(equalities)) throw new TypeError("it refers back to itself, which is not supported");
    if (!isObject(equalities)) throw new TypeError("its annotations are malformed");
    for (const path of Object.keys(equalities)) {
      const same = equalities[path];
      if (!Array.isArray(same) || same.length === 0) throw new TypeError("its annotations are malformed");
      const representative = this.#at(path, this.root, 0).note;
      for (const other of same) {
        this.#countOne();
        if (typeof other !== "string") throw new TypeError("its annotations are malformed");
        unite(representative, this.#at(other, this.root, 0).note);
      }
    }
  }
}

/** Makes `b`, and what is below it, the same as `a`. Each step retires a note, so that all of them together are linear. */
const unite = (a: Note, b: Note): void => {
  const pending: Array<readonly [Note, Note]> = [[a, b]];
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const kept = resolve(pair[0]);
    const retired = resolve(pair[1]);
    if (kept === retired) continue;
    retired.forward = kept;
    kept.type ??= retired.type;
    for (const [segment, child] of retired.children) {
      const twin = kept.children.get(segment);
      if (twin === undefined) kept.children.set(segment, child);
      else pending.push([twin, child]);
    }
  }
};

const make = (json: unknown, given: Note): unknown => {
  const note = resolve(given);
  if (note.state === "made") return note.value;
  if (note.state === "busy") throw new TypeError("it refers back to itself, which is not supported");
  note.state = "busy";
  if (note.children.size > 0) {
    if (typeof json !== "object" || json === null) throw new TypeError("its annotations name a path that is not there");
    const container = json as Record<string, unknown>;
    for (const [segment, child] of note.children) {
      if (!Object.hasOwn(container, segment) || (segment === "length" && Array.isArray(json))) {
        throw new TypeError("its annotations name a path that is not there");
      }
      container[segment] = make(container[segment], child);
    }
  }
  note.value = note.type === undefined ? json : makeValue(note.type, json);
  note.state = "made";
  return note.value;
};

/**
 * Makes the value that `json`, which it changes in place, and its annotations describe.
 *
 * @throws {TypeError | RangeError} saying what is wrong with them.
 */
export const readMeta = (json: unknown, meta: unknown): unknown => {
  if (!isObject(meta) || meta["v"] !== 1) throw new TypeError("its annotations are not superjson's version 1");
  for (const key of Object.keys(meta)) {
    if (key !== "values" && key !== "referentialEqualities" && key !== "v")
      throw new TypeError("its annotations have an unknown field");
  }
  const annotations = new Annotations();
  if (meta["values"] !== undefined) annotations.readValues(meta["values"], annotations.root, 0);
  if (meta["referentialEqualities"] !== undefined) annotations.readEqualities(meta["referentialEqualities"]);
  return make(json, annotations.root);
};
