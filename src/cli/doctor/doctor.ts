/** `firelight doctor`: checks a configuration and everything it depends on, and explains how to fix failures. */
import { defaults } from "../../contract/config/options.ts";
import { plainConnection } from "../../contract/config/resolve-connection.ts";
import type { ResolvedConfig } from "../../contract/config/resolve-config.ts";
import { ANY_RUNNER } from "../../contract/wire/envelope.ts";
import { runbookOf } from "../alerts.ts";
import { type Command, type CommandContext, exitCodes } from "../command.ts";
import { readAddress, readOptions, readRunnerAddress } from "../options.ts";
import { formatCount } from "../../contract/format-numbers.ts";
import { fill, type Terminal, wrapped } from "../terminal.ts";
import { UsageError } from "../errors.ts";
import { checkInstallation, hasSdk } from "./check-installation.ts";
import { checkMetrics } from "./check-metrics.ts";
import { checkOtlp } from "./check-otlp.ts";
import { checkRunner, type RunnerTarget } from "./check-runner.ts";
import { checkSdk } from "./check-sdk.ts";
import { type Finding, skipped } from "./finding.ts";
import { readProject } from "./read-project.ts";

const help = `firelight doctor [--config FILE] [--runner URL]... [--parent-metrics URL] [--otlp URL] [--secret-env NAME] [--json]

Checks a configuration and everything it depends on: the runtime and packages, fixed runners with their signatures
and clocks, metrics, and the OTLP receiver. Prints what was found and how to fix failures.

  --config FILE         A module whose default export is a configuration or a configured instance. It is
                        loaded as your program would load it. Default: flame.config.ts, .js, .mts or .mjs in
                        this folder, otherwise only the environment.
  --runner URL          A runner to check in addition to the fixed ones of the configuration. Repeatable.
  --parent-metrics URL  The address of the parent's metrics.
  --otlp URL            The base address of an OTLP/HTTP receiver. Default: OTEL_EXPORTER_OTLP_ENDPOINT.
  --secret-env NAME     The variable with the secret, if the configuration has none. Default: FLAME_SECRET.
  --json                Prints the findings as JSON.

The doctor pings runners with a signed call of the method flame.doctor/ping, which no runner has. Nothing is executed,
and each check leaves one failed call of the method _OTHER in the runner's telemetry.

Exit codes: 0 all checks passed, 1 a check failed, 2 invalid command line.`;

const optionsConfig = {
  config: { type: "string" },
  runner: { type: "string", multiple: true },
  "parent-metrics": { type: "string" },
  otlp: { type: "string" },
  "secret-env": { type: "string" },
  json: { type: "boolean" },
} as const;

/** The findings of one section. */
interface Section {
  readonly title: string;
  readonly findings: ReadonlyArray<Finding>;
}

/** Returns the runners of the command line and of the configuration. */
const runnersOf = (
  named: ReadonlyArray<string>,
  config: ResolvedConfig | undefined,
  secret: string | undefined,
): ReadonlyArray<RunnerTarget> => {
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
  const targets = new Map<string, RunnerTarget>();
  for (const url of named) targets.set(url, { url, audience: undefined, connection, ...rest });
  for (const { url, audience, connection } of fixed)
    targets.set(url, { url, audience: audience === ANY_RUNNER ? undefined : audience, connection, ...rest });
  return [...targets.values()];
};

const runnerSections = async (targets: ReadonlyArray<RunnerTarget>): Promise<ReadonlyArray<Section>> => {
  if (targets.length === 0) {
    const none = skipped(
      "runners",
      "none has a fixed address; a backend's runners exist only while calls need them",
      "To check one, give --runner URL.",
    );
    return [{ title: "Runners", findings: [none] }];
  }
  return Promise.all(
    targets.map(async (target) => ({ title: `Runner ${target.url}`, findings: await checkRunner(target) })),
  );
};

const marks = { ok: ["green", "✓"], failed: ["red", "✗"], skipped: ["dim", "–"] } as const;

const checkColumns = 20;

const printFinding = (terminal: Terminal, { check, status, seen, fix, alert }: Finding): void => {
  const [style, mark] = marks[status];
  const indent = " ".repeat(checkColumns + 2);
  const [first = "", ...rest] = wrapped(seen, terminal.columns, indent);
  terminal.line(`${terminal.style(style, mark)} ${fill(check, checkColumns)}${first.slice(indent.length)}`);
  for (const line of rest) terminal.line(line);
  const remedy = fix === undefined ? [] : wrapped(`→ ${fix}`, terminal.columns, indent, `${indent}  `);
  for (const line of remedy) terminal.line(terminal.style(status === "failed" ? "yellow" : "dim", line));
  if (alert !== undefined) terminal.line(terminal.style("dim", `${indent}${alert}: ${runbookOf(alert)}`));
};

const print = (terminal: Terminal, sections: ReadonlyArray<Section>): void => {
  for (const { title, findings } of sections) {
    terminal.line(terminal.style("bold", title));
    for (const finding of findings) printFinding(terminal, finding);
    terminal.line();
  }
  const all = sections.flatMap(({ findings }) => findings);
  const failures = all.filter(({ status }) => status === "failed").length;
  const passed = all.filter(({ status }) => status === "ok").length;
  terminal.line(
    failures === 0
      ? terminal.style("green", `${formatCount(passed, "check")} passed.`)
      : terminal.style("red", `${formatCount(failures, "check")} failed, ${passed} passed.`),
  );
};

interface DoctorOptions {
  readonly config: string | undefined;
  readonly runners: ReadonlyArray<string>;
  readonly metrics: string | undefined;
  readonly otlp: string | undefined;
  readonly secretVariable: string;
}

const examine = async (options: DoctorOptions, { env, folder }: CommandContext): Promise<ReadonlyArray<Section>> => {
  const secret = env[options.secretVariable];
  const project = await readProject(folder, options.config, { ...env, FLAME_SECRET: secret });
  try {
    const { config, findings } = project;
    const metrics =
      options.metrics === undefined
        ? skipped("metrics", "the parent's metrics were not checked", "To check them, give --parent-metrics URL.")
        : await checkMetrics(options.metrics, "parent");
    return [
      { title: "Installation", findings: [...checkInstallation(folder), await checkSdk(folder, hasSdk(folder))] },
      { title: "Configuration", findings },
      ...(await runnerSections(runnersOf(options.runners, config, secret))),
      { title: "Telemetry", findings: [metrics, await checkOtlp(options.otlp, env)] },
    ];
  } finally {
    await project.close();
  }
};

/** Checks everything that a configuration depends on. */
export const doctor: Command = {
  help,
  run: async (args, context) => {
    const { values, positionals } = readOptions(args, optionsConfig);
    if (positionals.length > 0)
      throw new UsageError(`"${positionals[0]}" is not an option. To check a runner, write --runner URL.`);
    const sections = await examine(
      {
        config: values.config,
        runners: (values.runner ?? []).map((url) => readRunnerAddress("--runner", url)),
        metrics: values["parent-metrics"] && readAddress("--parent-metrics", values["parent-metrics"]),
        otlp: values.otlp && readAddress("--otlp", values.otlp),
        secretVariable: values["secret-env"] ?? "FLAME_SECRET",
      },
      context,
    );
    const { terminal } = context;
    if (values.json === true) terminal.line(JSON.stringify({ sections }, undefined, 2));
    else print(terminal, sections);
    return sections.some(({ findings }) => findings.some(({ status }) => status === "failed"))
      ? exitCodes.failure
      : exitCodes.ok;
  },
};
