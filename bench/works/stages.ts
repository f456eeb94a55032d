/** The CPU time of single stages of a call, each alone and warm. Prints JSON. */
import { SpanKind, trace } from "@opentelemetry/api";
import { makeCodec } from "../../dist/contract/codec/codec.js";
import type { RequestHead } from "../../dist/contract/wire/envelope.js";
import { signRequest, verifyRequest } from "../../dist/contract/wire/signature.js";
import { order, rich } from "../harness/payloads.ts";
import { startTracing } from "../harness/sdk.ts";
import { cpuMs } from "../harness/cpu.ts";
import { median } from "../harness/statistics.ts";

/** The median cost of a stage. */
export interface StageCost {
  readonly stage: string;
  readonly micros: number;
}

startTracing();
const codec = makeCodec();
const key = { id: "default", secret: "the secret of this benchmark" };
const head: RequestHead = {
  method: "bench/accept",
  invocationId: "0190a0f0-0000-7000-8000-000000000000",
  attempt: 1,
  audience: "runner-1",
  keyId: key.id,
  createdMs: 1_763_820_000_000,
  nonce: "abcdefghijklmnopqrstuv",
  timeoutMs: 30_000,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const small = codec.encode([order], "arguments");
const large = codec.encode([rich], "arguments");
const signature = signRequest(head, small, key);
const tracer = trace.getTracer("bench");
const attributes = { "rpc.method": "bench/accept", "flame.pool.name": "default", "flame.attempt.number": 1 };

const stages: ReadonlyArray<readonly [stage: string, run: () => unknown]> = [
  ["encode the small order", () => codec.encode([order], "arguments")],
  ["decode the small order", () => codec.decode(small, "arguments")],
  ["encode 10 KB with dates", () => codec.encode([rich], "arguments")],
  ["decode 10 KB with dates", () => codec.decode(large, "arguments")],
  ["sign a request", () => signRequest(head, small, key)],
  ["verify a request", () => verifyRequest(head, small, signature, key)],
  ["start and end a span of the SDK", () => tracer.startSpan("stage", { kind: SpanKind.CLIENT, attributes }).end()],
];

const microsPerTurn = (run: () => unknown, turns: number): number => {
  const before = cpuMs();
  for (let turn = 0; turn < turns; turn++) run();
  return ((cpuMs() - before) * 1000) / turns;
};

const [rounds = 9] = process.argv.slice(2).map(Number);
/** About the CPU time of one measurement, in milliseconds. */
const targetMs = 10;
const micros = stages.map(() => [] as Array<number>);
const turns = stages.map(([, run]) => {
  microsPerTurn(run, 200);
  return Math.ceil((targetMs * 1000) / microsPerTurn(run, 200));
});
for (let round = 0; round < rounds; round++)
  for (const [index, [, run]] of stages.entries()) {
    micros[index]!.push(microsPerTurn(run, turns[index]!));
    await new Promise(setImmediate);
  }
const costs: ReadonlyArray<StageCost> = stages.map(([stage], index) => ({ stage, micros: median(micros[index]!) }));
console.log(JSON.stringify(costs));
process.exit(0);
