/**
 * `npm run bench`: measures Firelight and what it is compared with, prints the tables, and writes them to `results/`.
 *
 *     npm run bench -- --quick                        a few short rounds; nothing is written
 *     npm run bench -- --runtime=bun
 *     npm run bench -- --concurrency=16,64 --works=call --contestants=bare,firelight
 *     npm run bench -- --transport=link               where Firelight has the choice
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasTransports } from "./contestants/firelight.ts";
import { checkGoals } from "./goals.ts";
import { entries, type RemoteWork, type Runtime } from "./harness/contestant.ts";
import { installPeers } from "./harness/install.ts";
import { describeMachine, place } from "./harness/machine.ts";
import { type ProgramName, programNames } from "./harness/programs.ts";
import { tables } from "./harness/report.ts";
import { run } from "./harness/run.ts";
import { describeRuntime, describeVersions } from "./harness/runtimes.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    runtime: { type: "string", default: "node" },
    concurrency: { type: "string" },
    works: { type: "string", default: ["call", "rich", ...programNames].join(",") },
    contestants: { type: "string" },
    peers: { type: "string", default: "true" },
    transport: { type: "string" },
    rounds: { type: "string" },
    ms: { type: "string" },
    tries: { type: "string" },
    "max-others": { type: "string", default: "0.12" },
    write: { type: "boolean" },
  },
});

const quick = values.quick;
const runtime = values.runtime as Runtime;
if (runtime !== "node" && runtime !== "bun") throw new Error(`--runtime is node or bun, not ${runtime}.`);
const works = values.works.split(",");
const known: ReadonlyArray<string> = ["call", "rich", ...programNames];
const unknown = works.find((work) => !known.includes(work));
if (unknown !== undefined) throw new Error(`--works has ${unknown}. Choose from ${known.join(", ")}.`);
const chosen = values.contestants?.split(",");
const contestants = entries.filter(
  ({ id, runtimes, peer }) =>
    runtimes.includes(runtime) &&
    (chosen === undefined ? !peer || values.peers === "true" : id === "bare" || chosen.includes(id)) &&
    (id !== "firelight-http" || hasTransports),
);
const peers = contestants.some(({ peer }) => peer) && works.includes("call");
if (peers) installPeers();

const rounds = Number(values.rounds ?? (quick ? 3 : 9));
const sliceMs = Number(values.ms ?? (quick ? 150 : 250));
const results = await run({
  runtime,
  contestants,
  works: works.filter((work): work is RemoteWork => work === "call" || work === "rich"),
  programs: programNames.filter((name: ProgramName) => works.includes(name)),
  concurrency: (values.concurrency ?? (quick ? "1,16" : "1,16,64,256")).split(",").map(Number),
  rounds,
  sliceMs,
  maxOthers: Number(values["max-others"]),
  tries: Number(values.tries ?? (quick ? 1 : 5)),
  transport: values.transport,
  onProgress: console.error,
});

const date = new Date().toISOString().slice(0, 10);
const loaded = results.measurements.some((measurement) => measurement.loaded);
const page = `# ${date}, ${describeRuntime(runtime)}

${describeMachine(place())}. ${describeVersions(peers)}. ${
  hasTransports ? `Transport: ${values.transport ?? "Firelight's default"}. ` : ""
}Medians of up to ${rounds} rounds of ${sliceMs} ms for each contestant, with the range of the middle 80%.
${loaded ? "\n**Other processes used the machine during this run. Compare only ratios, and those with care.**\n" : ""}
${tables(results, checkGoals(results))}
`;
console.log(page);
if (values.write ?? !quick) {
  const file = `results/${date}-${runtime}.md`;
  writeFileSync(join(import.meta.dirname, file), page);
  console.log(`Written to bench/${file}.`);
}
process.exit(0);
