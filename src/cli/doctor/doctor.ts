/** `firelight doctor`: looks at a configuration and all that it needs, and says how to fix what fails. */
import { defaults } from "../../contract/config/options.ts";
import { plainConnection } from "../../contract/config/resolve-connection.ts";
import type { ResolvedConfig } from "../../contract/config/resolve-config.ts";
import { ANY_RUNNER } from "../../contract/wire/envelope.ts";
import { runbookOf } from "../alerts.ts";
import { type Command, type CommandContext, exitCodes } from "../command.ts";
import { readAddress, readOptions, readRunnerAddress } from "../options.ts";
import { fill, many, type Terminal, wrapped } from "../terminal.ts";
import { UsageError } from "../errors.ts";
import { checkInstallation, hasSdk } from "./check-installation.ts";
import { checkMetrics } from "./check-metrics.ts";
import { checkOtlp } from "./check-otlp.ts";
import { checkRunner, type RunnerQuestion } from "./check-runner.ts";
import { checkSdk } from "./check-sdk.ts";
import { type Finding, skipped } from "./finding.ts";
import { readProject } from "./read-project.ts";

const help = `firelight doctor [--config FILE] [--runner URL]... [--parent-metrics URL] [--otlp URL] [--secret-env NAME] [--json]

Checks a configuration and all that it needs: the runtime and the packages, the fixed runners, their signatures
and clocks, metrics, and where telemetry goes. Says what was seen, and how to fix what fails.

  --config FILE         A module that exports by default a configuration, or the instance that it configures.
                        It is loaded, as your program would. Default: flame.config.ts, .js, .mts or .mjs in
                        this folder, else the environment alone.
  --runner URL          A runner to look at, beside the fixed ones of the configuration. May be given more than once.
  --parent-metrics URL  Where the parent serves its metrics.
  --otlp URL            Base address of an OTLP/HTTP receiver. Default: OTEL_EXPORTER_OTLP_ENDPOINT.
  --secret-env NAME     The variable that holds the secret, where the configuration has none. Default: FLAME_SECRET.
  --json                Prints the findings as JSON.

Runners are asked with a signed request for the method flame.doctor/ping, which no runner has: nothing is executed,
and each check leaves one failed call of the method _OTHER in a runner's telemetry.

Exit codes: 0 nothing failed, 1 something did, 2 not understood.`;

const optionsConfig = {
  config: { type: "string" },
  runner: { type: "string", multiple: true },
  "parent-metrics": { type: "string" },
  otlp: { type: "string" },
  "secret-env": { type: "string" },
  json: { type: "boolean" },
} as const;

/** Findings about one thing. */
interface Chapter {
  readonly title: string;
  readonly findings: ReadonlyArray<Finding>;
}

/** The runners that are named on the command line, and those of the configuration. */
const runnersOf = (
  named: ReadonlyArray<string>,
  config: ResolvedConfig | undefined,
  secret: string | undefined,
): ReadonlyArray<RunnerQuestion> => {
  const { keyId, windowMs } = config?.security ?? defaults;
  const own = config?.security.secret ?? secret;
  const rest = {
    invokePath: config?.invokePath ?? defaults.invokePath,
    key: own === undefined || own === "" ? undefined : { id: keyId, secret: own },
    windowMs,
  };
  const fixed = [...(config?.pools.values() ?? [])].flatMap(({ runners, connection }) =>
    runners.map((runner) => ({ ...runner, connection })),
  );
  const connection = config?.connection ?? plainConnection;
  const questions = new Map<string, RunnerQuestion>();
  for (const url of named) questions.set(url, { url, audience: undefined, connection, ...rest });
  for (const { url, audience, connection } of fixed)
    questions.set(url, { url, audience: audience === ANY_RUNNER ? undefined : audience, connection, ...rest });
  return [...questions.values()];
};

const runnerChapters = async (questions: ReadonlyArray<RunnerQuestion>): Promise<ReadonlyArray<Chapter>> => {
  if (questions.length === 0) {
    const none = skipped(
      "runners",
      "none is at a fixed address; those of a backend live only as long as calls need them",
      "Give --runner URL to look at one.",
    );
    return [{ title: "Runners", findings: [none] }];
  }
  return Promise.all(
    questions.map(async (question) => ({ title: `Runner ${question.url}`, findings: await checkRunner(question) })),
  );
};

const marks = { ok: ["green", "✓"], failed: ["red", "✗"], skipped: ["dim", "–"] } as const;

const checkColumns = 20;

const printFinding = (terminal: Terminal, { check, verdict, seen, fix, alert }: Finding): void => {
  const [style, mark] = marks[verdict];
  const indent = " ".repeat(checkColumns + 2);
  const [first = "", ...rest] = wrapped(seen, terminal.columns, indent);
  terminal.line(`${terminal.style(style, mark)} ${fill(check, checkColumns)}${first.slice(indent.length)}`);
  for (const line of rest) terminal.line(line);
  const remedy = fix === undefined ? [] : wrapped(`→ ${fix}`, terminal.columns, indent, `${indent}  `);
  for (const line of remedy) terminal.line(terminal.style(verdict === "failed" ? "yellow" : "dim", line));
  if (alert !== undefined) terminal.line(terminal.style("dim", `${indent}${alert}: ${runbookOf(alert)}`));
};

const print = (terminal: Terminal, chapters: ReadonlyArray<Chapter>): void => {
  for (const { title, findings } of chapters) {
    terminal.line(terminal.style("bold", title));
    for (const finding of findings) printFinding(terminal, finding);
    terminal.line();
  }
  const all = chapters.flatMap(({ findings }) => findings);
  const trouble = all.filter(({ verdict }) => verdict === "failed").length;
  const passed = all.filter(({ verdict }) => verdict === "ok").length;
  terminal.line(
    trouble === 0
      ? terminal.style("green", `${many(passed, "check")} passed.`)
      : terminal.style("red", `${many(trouble, "check")} failed, ${passed} passed.`),
  );
};

interface Wanted {
  readonly config: string | undefined;
  readonly runners: ReadonlyArray<string>;
  readonly metrics: string | undefined;
  readonly otlp: string | undefined;
  readonly secretVariable: string;
}

const examine = async (wanted: Wanted, env: CommandContext["env"]): Promise<ReadonlyArray<Chapter>> => {
  const folder = process.cwd();
  const secret = env[wanted.secretVariable];
  const project = await readProject(folder, wanted.config, { ...env, FLAME_SECRET: secret });
  try {
    const { config, findings } = project;
    const metrics =
      wanted.metrics === undefined
        ? skipped("metrics", "the parent's were not looked at", "Give --parent-metrics URL.")
        : await checkMetrics(wanted.metrics, "parent");
    return [
      { title: "Installation", findings: [...checkInstallation(folder), await checkSdk(folder, hasSdk(folder))] },
      { title: "Configuration", findings },
      ...(await runnerChapters(runnersOf(wanted.runners, config, secret))),
      { title: "Telemetry", findings: [metrics, await checkOtlp(wanted.otlp, env)] },
    ];
  } finally {
    await project.close();
  }
};

/** Looks at everything that a configuration needs. */
export const doctor: Command = {
  help,
  run: async (args, { terminal, env }) => {
    const { values, positionals } = readOptions(args, optionsConfig);
    if (positionals.length > 0)
      throw new UsageError(`"${positionals[0]}" is not an option. To look at a runner, write --runner URL.`);
    const chapters = await examine(
      {
        config: values.config,
        runners: (values.runner ?? []).map((url) => readRunnerAddress("--runner", url)),
        metrics: values["parent-metrics"] && readAddress("--parent-metrics", values["parent-metrics"]),
        otlp: values.otlp && readAddress("--otlp", values.otlp),
        secretVariable: values["secret-env"] ?? "FLAME_SECRET",
      },
      env,
    );
    if (values.json === true) terminal.line(JSON.stringify({ chapters }, undefined, 2));
    else print(terminal, chapters);
    return chapters.some(({ findings }) => findings.some(({ verdict }) => verdict === "failed"))
      ? exitCodes.trouble
      : exitCodes.fine;
  },
};
