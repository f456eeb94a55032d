/**
 * Just enough of Redis's protocol to run this example without a package: sends commands
 * over one connection and reads the answers in their order. In a program of yours, use a client.
 */
import { connect, type NetConnectOpts } from "node:net";
import type { SendCommand } from "./redis-store.ts";

export interface RedisConnection {
  readonly send: SendCommand;
  close(): void;
}

interface Waiting {
  resolve(value: string | null): void;
  reject(error: Error): void;
}

const encode = (words: ReadonlyArray<string>): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;

export const connectRedis = (address: NetConnectOpts): RedisConnection => {
  const socket = connect(address);
  const waiting: Array<Waiting> = [];
  let received: Buffer = Buffer.alloc(0);

  /** The first answer in what was received; `undefined` when it is not complete. */
  const takeAnswer = (): (() => void) | undefined => {
    const lineEnd = received.indexOf("\r\n");
    if (lineEnd < 0) return undefined;
    const [type, text] = [received.toString("utf8", 0, 1), received.toString("utf8", 1, lineEnd)];
    const missing = type === "$" && text === "-1";
    const length = type === "$" && !missing ? Number(text) : undefined;
    const end = lineEnd + 2 + (length === undefined ? 0 : length + 2);
    if (received.length < end) return undefined;
    const bulk = length === undefined ? undefined : received.toString("utf8", lineEnd + 2, end - 2);
    received = received.subarray(end);
    const asked = waiting.shift();
    if (type === "-") return () => asked?.reject(new Error(`Redis: ${text}`));
    return () => asked?.resolve(missing ? null : (bulk ?? text));
  };

  const fail = (error: Error): void => {
    for (const asked of waiting.splice(0)) asked.reject(error);
  };
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (let answer = takeAnswer(); answer !== undefined; answer = takeAnswer()) answer();
  });
  socket.on("error", fail).on("close", () => fail(new Error("The connection to Redis is closed.")));

  return {
    send: (...words) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        socket.write(encode(words));
      }),
    close: () => void socket.end(),
  };
};
