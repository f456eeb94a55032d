/** A TCP proxy that keeps a copy of every request that passes it, as somebody on the wire can, and sends copies again. */
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it was on the wire. */
export interface Captured {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface RecordingProxy {
  readonly url: string;
  /** The requests that passed, in their order. */
  readonly captured: ReadonlyArray<Captured>;
  /** Cuts off the runner, and lets clients believe that it is there: what they send waits here for {@link leadTo}. */
  hold(): void;
  /** Leads what waits here, and what is opened from now on, to these ports in turn; closes what leads elsewhere. */
  leadTo(...ports: ReadonlyArray<number>): Promise<void>;
}

const endOfHead = "\r\n\r\n";

/** The first request in the bytes, and what follows it; `undefined` as long as it is not complete. */
const takeRequest = (bytes: Buffer): { readonly request: Captured; readonly rest: Buffer } | undefined => {
  const headEnd = bytes.indexOf(endOfHead);
  if (headEnd === -1) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, headEnd).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const from = headEnd + endOfHead.length;
  const to = from + Number(headers["content-length"] ?? 0);
  if (bytes.length < to) return undefined;
  return { request: { path: first.split(" ")[1]!, headers, body: bytes.subarray(from, to) }, rest: bytes.subarray(to) };
};

/** One client, and the connection that stands for it with a runner. */
class RequestState {
  readonly #client: Socket;
  #runner: Socket | undefined;
  #held: Array<Buffer> = [];

  constructor(client: Socket) {
    this.#client = client;
    client
      .on("error", () => {})
      .on("data", (chunk: Buffer) => {
        if (this.#runner === undefined) this.#held.push(chunk);
        else this.#runner.write(chunk);
      })
      .on("close", () => this.#runner?.destroy());
  }

  lead(port: number): void {
    const runner = connect(port, "127.0.0.1");
    this.#runner = runner;
    runner
      .on("error", () => {})
      .on("data", (chunk: Buffer) => this.#client.write(chunk))
      .on("close", () => {
        if (this.#runner === runner) this.#client.destroy();
      });
    for (const chunk of this.#held.splice(0)) runner.write(chunk);
  }

  hold(): void {
    const runner = this.#runner;
    this.#runner = undefined;
    runner?.destroy();
  }

  get waiting(): boolean {
    return this.#runner === undefined;
  }

  close(): void {
    this.#client.destroy();
  }

  /** Ends the connection, and waits until the client has noticed: a client that has not may send its next request on it. */
  async end(): Promise<void> {
    if (this.#client.destroyed) return;
    const closed = once(this.#client, "close");
    this.#client.end();
    await closed;
  }
}

/** Starts one that leads to these ports of 127.0.0.1, in turn; ends with the test. */
export const startRecordingProxy = async (...ports: ReadonlyArray<number>): Promise<RecordingProxy> => {
  const captured: Array<Captured> = [];
  const passages = new Set<RequestState>();
  let targets = ports;
  let turn = 0;
  let holding = false;
  const next = (): number => targets[turn++ % targets.length]!;
  const server = createServer((client) => {
    const passage = new RequestState(client);
    passages.add(passage);
    client.on("close", () => passages.delete(passage));
    let read: Buffer = Buffer.alloc(0);
    client.on("data", (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      for (let taken = takeRequest(read); taken !== undefined; taken = takeRequest(read)) {
        captured.push(taken.request);
        read = taken.rest;
      }
    });
    if (!holding) passage.lead(next());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const passage of passages) passage.close();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    captured,
    hold: () => {
      holding = true;
      for (const passage of passages) passage.hold();
    },
    leadTo: async (...others) => {
      holding = false;
      targets = others;
      const ends: Array<Promise<void>> = [];
      for (const passage of passages) {
        if (passage.waiting) passage.lead(next());
        else ends.push(passage.end());
      }
      await Promise.all(ends);
    },
  };
};

/** Sends a captured request again, over a connection of its own. Gives the status of the answer. */
export const replay = ({ path, headers, body }: Captured, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port, path, method: "POST", headers: { ...headers }, agent: false })
      .on("error", reject)
      .on("response", (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      })
      .end(body);
  });
