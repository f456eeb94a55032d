/**
 * Reads superjson's annotations (`meta`, version 1) and builds the values that they describe. superjson's own reader
 * takes quadratic time for hostile annotations, and misplaces members of a Set or keys of a Map that other parts of the
 * message share. This one is linear and strict, and never runs a pattern or constructor of the sender's choice. It
 * pauses after a number of annotations, so large messages can be read in slices.
 */
import { isForbiddenKey, MAX_ANNOTATIONS, MAX_DEPTH, isObject } from "./limits.ts";
import { makeValue } from "./superjson-values.ts";

/** The annotations of the value at one path. Notes of a shared value are merged: one forwards to the other. */
interface Note {
  forward: Note | undefined;
  /** An annotation, such as `"Date"` or `["custom","bytes"]`. */
  type: unknown;
  /** By path segment; created on demand. */
  children: Map<string, Note> | undefined;
  state: "open" | "busy" | "made";
  value: unknown;
}

type Steps = Generator<void, void>;

/** Number of annotations between two pauses. */
const stepsPerSlice = 1_024;

const makeNote = (): Note => ({
  forward: undefined,
  type: undefined,
  children: undefined,
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

/** Returns the entries of an annotation object, or of the map that the JSON reader creates for a large one. */
const entriesOf = (annotations: unknown): Iterable<[string, unknown]> => {
  if (annotations instanceof Map) return annotations as Map<string, unknown>;
  if (!isObject(annotations)) throw new TypeError("its annotations are malformed");
  return Object.entries(annotations);
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
        throw new TypeError(`its annotations name ${segment}, which is not allowed because it could change prototypes`);
      const children = (note.children ??= new Map<string, Note>());
      let child = children.get(segment);
      if (child === undefined) {
        child = makeNote();
        children.set(segment, child);
      }
      note = resolve(child);
    }
    return { note, depth: depth + segments.length };
  }

  #countOne(): void {
    if (++this.#count > MAX_ANNOTATIONS) throw new RangeError(`it has more than ${MAX_ANNOTATIONS} annotations`);
  }

  /** Consumes an annotation itself and returns those of the values inside. */
  #annotate(tree: unknown, note: Note): unknown {
    if (!Array.isArray(tree)) return tree;
    this.#countOne();
    if (tree.length < 1 || tree.length > 2 || note.type !== undefined)
      throw new TypeError("its annotations are malformed");
    note.type = tree[0];
    return tree[1];
  }

  *readValues(tree: unknown, note: Note, depth: number): Steps {
    const children = this.#annotate(tree, note);
    if (children === undefined && Array.isArray(tree)) return;
    let steps = 0;
    for (const [path, inner] of entriesOf(children)) {
      if (++steps % stepsPerSlice === 0) yield;
      const target = this.#at(path, note, depth);
      if (Array.isArray(inner) && inner.length === 1) this.#annotate(inner, target.note);
      else yield* this.readValues(inner, target.note, target.depth);
    }
  }

  *readEqualities(equalities: unknown): Steps {
    if (Array.isArray(equalities)) throw new TypeError("it refers back to itself, which is not supported");
    let steps = 0;
    for (const [path, same] of entriesOf(equalities)) {
      if (!Array.isArray(same) || same.length === 0) throw new TypeError("its annotations are malformed");
      const representative = this.#at(path, this.root, 0).note;
      for (const other of same) {
        if (++steps % stepsPerSlice === 0) yield;
        this.#countOne();
        if (typeof other !== "string") throw new TypeError("its annotations are malformed");
        yield* unite(representative, this.#at(other, this.root, 0).note);
      }
    }
  }
}

/** Merges `b` and everything below it into `a`. Each step removes a note, so all merges together are linear. */
function* unite(a: Note, b: Note): Steps {
  const pending: Array<readonly [Note, Note]> = [[a, b]];
  let steps = 0;
  for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
    const kept = resolve(pair[0]);
    const retired = resolve(pair[1]);
    if (kept === retired) continue;
    retired.forward = kept;
    kept.type ??= retired.type;
    if (retired.children === undefined) continue;
    const children = (kept.children ??= new Map<string, Note>());
    for (const [segment, child] of retired.children) {
      if (++steps % stepsPerSlice === 0) yield;
      const twin = children.get(segment);
      if (twin === undefined) children.set(segment, child);
      else pending.push([twin, child]);
    }
  }
}

/** Returns the value of a note without inner notes; otherwise `undefined`. */
const makeLeaf = (json: unknown, note: Note): { readonly value: unknown } | undefined => {
  if (note.state === "made") return note;
  if (note.children !== undefined) return undefined;
  note.value = note.type === undefined ? json : makeValue(note.type, json);
  note.state = "made";
  return note;
};

function* make(json: unknown, given: Note): Generator<void, unknown> {
  const note = resolve(given);
  const leaf = makeLeaf(json, note);
  if (leaf !== undefined) return leaf.value;
  if (note.state === "busy") throw new TypeError("it refers back to itself, which is not supported");
  note.state = "busy";
  if (typeof json !== "object" || json === null) throw new TypeError("its annotations name a path that does not exist");
  const container = json as Record<string, unknown>;
  let steps = 0;
  for (const [segment, child] of note.children!) {
    if (++steps % stepsPerSlice === 0) yield;
    if (!Object.hasOwn(container, segment) || (segment === "length" && Array.isArray(json))) {
      throw new TypeError("its annotations name a path that does not exist");
    }
    const made = makeLeaf(container[segment], resolve(child));
    container[segment] = made === undefined ? yield* make(container[segment], child) : made.value;
  }
  note.value = note.type === undefined ? json : makeValue(note.type, json);
  note.state = "made";
  return note.value;
}

/**
 * Builds the value described by `json`, which it modifies, and its annotations. Pauses after each slice of work, and
 * returns the value.
 *
 * @throws {TypeError | RangeError} with the problem
 */
export function* readMeta(json: unknown, meta: unknown): Generator<void, unknown> {
  if (!isObject(meta) || meta["v"] !== 1) throw new TypeError("its annotations are not superjson's version 1");
  for (const key of Object.keys(meta)) {
    if (key !== "values" && key !== "referentialEqualities" && key !== "v")
      throw new TypeError("its annotations have an unknown field");
  }
  const annotations = new Annotations();
  if (meta["values"] !== undefined) yield* annotations.readValues(meta["values"], annotations.root, 0);
  if (meta["referentialEqualities"] !== undefined) yield* annotations.readEqualities(meta["referentialEqualities"]);
  return yield* make(json, annotations.root);
}
