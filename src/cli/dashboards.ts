/** `firelight dashboards`: writes dashboards and rules for the user's names, objective and thresholds. */
import { existsSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { BundleOptions } from "../bundle/resolve-settings.ts";
import type { BundleSettings } from "../bundle/settings.ts";
import { ConfigError } from "../contract/errors.ts";
import { type Command, exitCodes } from "./command.ts";
import { readOptions } from "./options.ts";
import { formatCount } from "../contract/format-numbers.ts";
import { CliError, UsageError } from "./errors.ts";

const help = `firelight dashboards --out DIR [--settings FILE] [--name NAME] [--uid UID] [--grafana-url URL] [--runbook-url URL]
                     [--objective SHARE] [--selector MATCHERS] [--check]

Writes dashboards for Grafana, and recording rules and alerts for Prometheus and Grafana. The same settings produce
the same files, so you can keep them in a repository.

  --out DIR           The target folder. Missing folders are created; other files are not changed.
  --settings FILE     Settings that differ from the defaults, as JSON or as the default export of a module, such as
                      { "name": "Shop", "uid": "shop", "slo": { "objective": 0.995 }, "thresholds": { "bootSeconds": 30 } }.
                      BundleSettings of firelight/bundle lists them all. The options below override the file.
  --name NAME         The first word of the dashboards' titles.
  --uid UID           The first part of uids and file names.
  --grafana-url URL   The address of Grafana for links in alerts.
  --runbook-url URL   Your own page with a heading for each alert. Default: the runbook dashboard.
  --objective SHARE   Share of calls that must succeed, such as 0.999.
  --selector MATCHERS Restricts dashboards and alerts, such as 'job=~"shop.*"'.
  --check             Writes nothing and fails if a file in DIR is missing or out of date.

Requires two packages: npm install --save-dev @grafana/grafana-foundation-sdk yaml

Exit codes: 0 files written or up to date, 1 files out of date or not writable, 2 invalid command line.`;

const optionsConfig = {
  out: { type: "string" },
  settings: { type: "string" },
  name: { type: "string" },
  uid: { type: "string" },
  "grafana-url": { type: "string" },
  "runbook-url": { type: "string" },
  objective: { type: "string" },
  selector: { type: "string" },
  check: { type: "boolean" },
} as const;

/** Loads the bundle lazily: it needs packages that production programs do not have. */
const loadBundle = async () => {
  try {
    return await import("../bundle/index.ts");
  } catch (error) {
    const missing = /(@grafana\/grafana-foundation-sdk|yaml)\b/.exec(error instanceof Error ? error.message : "")?.[1];
    if (missing === undefined) throw error;
    throw new CliError(
      `The package ${missing} is not installed. Run: npm install --save-dev @grafana/grafana-foundation-sdk yaml`,
    );
  }
};

const readSettings = async (folder: string, file: string): Promise<unknown> => {
  const path = resolve(folder, file);
  if (!existsSync(path))
    throw new UsageError(`--settings is ${file}, which does not exist. Give it the path of a settings file.`);
  try {
    if (path.endsWith(".json")) return JSON.parse(readFileSync(path, "utf8"));
    return ((await import(pathToFileURL(path).href)) as { readonly default?: unknown }).default ?? {};
  } catch (error) {
    throw new CliError(`Cannot read ${file}: ${(error as Error).message}`);
  }
};

const readObjective = (text: string): number => {
  const objective = Number(text);
  if (text.trim() === "" || Number.isNaN(objective))
    throw new UsageError(`--objective is "${text}". Give it a share such as 0.999.`);
  return objective;
};

const complete = (finish: (options: BundleOptions) => BundleSettings, options: unknown): BundleSettings => {
  try {
    return finish(options as BundleOptions);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
};

/** The command. */
export const dashboards: Command = {
  help,
  run: async (args, { terminal, folder }) => {
    const { values, positionals } = readOptions(args, optionsConfig);
    if (positionals.length > 0)
      throw new UsageError(`dashboards takes no positional arguments. Write --out ${positionals.join(" ")}.`);
    const { out, settings: file, name, uid, objective, selector, check = false } = values;
    if (out === undefined)
      throw new UsageError("--out is missing. Name the target folder, as in: firelight dashboards --out observability");

    const { completeSettings, findDrift, writeBundle } = await loadBundle();
    const given = file === undefined ? {} : await readSettings(folder, file);
    const fromFile = complete(completeSettings, given);
    const { "grafana-url": grafanaUrl, "runbook-url": runbookUrl } = values;
    const settings = complete(completeSettings, {
      ...fromFile,
      ...(name === undefined ? undefined : { name }),
      ...(uid === undefined ? undefined : { uid }),
      ...(grafanaUrl === undefined ? undefined : { grafanaUrl }),
      ...(runbookUrl === undefined ? undefined : { runbookUrl }),
      ...(selector === undefined ? undefined : { selector }),
      ...(objective === undefined ? undefined : { slo: { ...fromFile.slo, objective: readObjective(objective) } }),
    });

    const destination = resolve(folder, out);
    const target = relative(folder, destination) || ".";
    if (check) {
      const drift = findDrift(settings, destination);
      for (const path of drift) terminal.line(`${path} is missing or out of date.`);
      if (drift.length === 0) {
        terminal.line(`All files in ${target} are up to date.`);
        return exitCodes.ok;
      }
      terminal.aside("firelight: run the command without --check to update them.");
      return exitCodes.failure;
    }
    try {
      const written = writeBundle(settings, destination);
      for (const path of written) terminal.line(path);
      terminal.aside(`${formatCount(written.length, "file")} written to ${target}.`);
      return exitCodes.ok;
    } catch (error) {
      if (error instanceof Error && "code" in error) throw new CliError(`Cannot write to ${target}: ${error.message}`);
      throw error;
    }
  },
};
