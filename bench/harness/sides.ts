/** Starts the two processes of a contestant, each on processors of its own, and asks them to measure. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import type { Entry, RemoteWork, Settings } from "./contestant.ts";
import type { Placement } from "./machine.ts";

/** Calls over a short time, as the client counted them. */
export interface Slice {
  readonly calls: number;
  readonly elapsedMs: number;
  readonly clientCpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What the harness asks a process. */
export type Question =
  | { readonly ask: "slice"; readonly work: RemoteWork; readonly concurrency: number; readonly ms: number }
  | { readonly ask: "cpu" }
  | { readonly ask: "spans" };

export type Answer = Slice | { readonly cpuMs: number } | { readonly spans: number };

/** A process that answers one question at a time. */
class Side {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, args: ReadonlyArray<string>, prefix: ReadonlyArray<string>) {
    const [command = program, ...rest] = [...prefix, program, join(import.meta.dirname, "side.ts"), ...args];
    this.#child = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async next<A>(): Promise<A> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`The process of a contestant ended: ${this.#child.spawnargs.join(" ")}`);
    return JSON.parse(value) as A;
  }

  ask<A extends Answer>(question: Question): Promise<A> {
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`);
    return this.next<A>();
  }

  stop(): void {
    this.#child.kill();
  }
}

/** A slice with the CPU time of both processes, in milliseconds. */
export interface BothSides extends Slice {
  readonly serverCpuMs: number;
}

/** A contestant whose processes run. */
export class Sides {
  readonly entry: Entry;
  readonly #server: Side;
  readonly #client: Side;

  private constructor(entry: Entry, server: Side, client: Side) {
    this.entry = entry;
    this.#server = server;
    this.#client = client;
  }

  /**
   * @param program the runtime's executable
   * @param transport Firelight's transport, unless the entry names one
   */
  static async start(entry: Entry, program: string, placement: Placement, transport?: string): Promise<Sides> {
    const settings: Settings = { transport, ...entry.settings };
    const args = [entry.module, JSON.stringify(settings)];
    const server = new Side(program, ["server", ...args], placement.server);
    const { ready } = await server.next<{ readonly ready: string }>();
    const client = new Side(program, ["client", ...args, ready], placement.client);
    await client.next();
    return new Sides(entry, server, client);
  }

  async slice(work: RemoteWork, concurrency: number, ms: number): Promise<BothSides> {
    const before = await this.#server.ask<{ cpuMs: number }>({ ask: "cpu" });
    const slice = await this.#client.ask<Slice>({ ask: "slice", work, concurrency, ms });
    const after = await this.#server.ask<{ cpuMs: number }>({ ask: "cpu" });
    return { ...slice, serverCpuMs: after.cpuMs - before.cpuMs };
  }

  /** Returns the number of spans of both processes so far. */
  async spans(): Promise<number> {
    const [server, client] = [this.#server, this.#client].map((side) => side.ask<{ spans: number }>({ ask: "spans" }));
    return (await server!).spans + (await client!).spans;
  }

  stop(): void {
    this.#client.stop();
    this.#server.stop();
  }
}
