/**
 * A ledger that callers and handlers write to one append-only file, across processes, and its check: every call ends exactly
 * once, and no key is executed more often than allowed.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/** Writes the entries of one process. Each entry is one append, which the operating system does not mix with others. */
export interface Ledger {
  /** A call starts. */
  start(id: string): void;
  /** A call ends. `outcome` is `ok` or the code of a typed error. */
  end(id: string, outcome: string): void;
  /** A handler starts to execute a key. */
  execStart(key: string): void;
  /** A handler has executed a key. */
  execEnd(key: string): void;
  close(): void;
}

/** Opens the ledger at `path`, which several processes may share. */
export const openLedger = (path: string): Ledger => {
  const file = openSync(path, "a");
  const append = (...fields: ReadonlyArray<string>): void => {
    writeSync(file, `${fields.map(encodeURIComponent).join(" ")}\n`);
  };
  return {
    start: (id) => append("start", id),
    end: (id, outcome) => append("end", id, outcome),
    execStart: (key) => append("exec", key, "start"),
    execEnd: (key) => append("exec", key, "end"),
    close: () => closeSync(file),
  };
};

/** How often handlers started and finished a key. */
export interface Executions {
  readonly started: number;
  readonly finished: number;
}

/** The content of a ledger. It is consistent if all lists of faults are empty. */
export interface LedgerReport {
  readonly calls: number;
  /** Calls by outcome. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly executions: ReadonlyMap<string, Executions>;
  /** Calls that never ended. */
  readonly missing: ReadonlyArray<string>;
  /** Calls that ended more than once. */
  readonly double: ReadonlyArray<string>;
  /** Calls that started more than once. */
  readonly reused: ReadonlyArray<string>;
  /** Calls that ended without a start. */
  readonly unknown: ReadonlyArray<string>;
  /** Calls with an unexpected outcome. */
  readonly untyped: ReadonlyArray<string>;
  /** Keys that were started more than once. */
  readonly repeated: ReadonlyArray<string>;
  /** Invalid lines, such as one truncated by a full disk. */
  readonly unreadable: ReadonlyArray<string>;
}

/** The faults of a consistent ledger: none. */
export const faultless = {
  missing: [],
  double: [],
  reused: [],
  unknown: [],
  untyped: [],
  repeated: [],
  unreadable: [],
} satisfies Partial<LedgerReport>;

const count = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

const keysOver = (counts: ReadonlyMap<string, number>, most: number): Array<string> =>
  [...counts].filter(([, times]) => times > most).map(([key]) => key);

const fieldsOf = (line: string): ReadonlyArray<string> => {
  try {
    return line.split(" ").map(decodeURIComponent);
  } catch {
    return [];
  }
};

/**
 * Reads the ledger at `path`.
 *
 * @param expectedOutcomes the valid outcomes: `ok` and the codes of typed errors.
 */
export const readLedger = (path: string, expectedOutcomes: ReadonlySet<string>): LedgerReport => {
  const starts = new Map<string, number>();
  const ends = new Map<string, number>();
  const outcomes = new Map<string, number>();
  const began = new Map<string, number>();
  const finished = new Map<string, number>();
  const untyped: Array<string> = [];
  const unreadable: Array<string> = [];

  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    const [kind, id, detail] = fieldsOf(line);
    if (kind === "start" && id !== undefined) count(starts, id);
    else if (kind === "end" && id !== undefined && detail !== undefined) {
      count(ends, id);
      count(outcomes, detail);
      if (!expectedOutcomes.has(detail)) untyped.push(id);
    } else if (kind === "exec" && id !== undefined && (detail === "start" || detail === "end")) {
      count(detail === "start" ? began : finished, id);
    } else unreadable.push(line);
  }

  return {
    calls: starts.size,
    outcomes,
    executions: new Map(
      [...new Set([...began.keys(), ...finished.keys()])].map((key) => [
        key,
        { started: began.get(key) ?? 0, finished: finished.get(key) ?? 0 },
      ]),
    ),
    missing: [...starts.keys()].filter((id) => !ends.has(id)),
    double: keysOver(ends, 1),
    reused: keysOver(starts, 1),
    unknown: [...ends.keys()].filter((id) => !starts.has(id)),
    untyped,
    repeated: keysOver(began, 1),
    unreadable,
  };
};
