/** `firelight dashboards`: writes dashboards and rules for a user's own names, objective and thresholds. */
import { existsSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { BundleOptions } from "../bundle/resolve-settings.ts";
import type { BundleSettings } from "../bundle/settings.ts";
import { ConfigError } from "../contract/errors.ts";
import { type Command, exitCodes } from "./command.ts";
import { readOptions } from "./options.ts";
import { many } from "./terminal.ts";
import { CliError, UsageError } from "./errors.ts";

const help = `firelight dashboards --out DIR [--settings FILE] [--name NAME] [--uid UID] [--grafana-url URL] [--runbook-url URL]
                     [--objective SHARE] [--selector MATCHERS] [--check]

Writes dashboards for Grafana, and recording rules and alerts for Prometheus and for Grafana. The same settings give
the same files, so they can be kept in a repository.

  --out DIR           Where to; folders that are missing are made, and other files stay as they are.
  --settings FILE     Settings as JSON, or a module that exports them by default: whatever is not the default, such as
                      { "name": "Shop", "uid": "shop", "slo": { "objective": 0.995 }, "thresholds": { "bootSeconds": 30 } }.
                      BundleSettings of firelight/bundle lists them all. Options below go before it.
  --name NAME         The first word of the dashboards' titles.
  --uid UID           The first part of uids and file names.
  --grafana-url URL   Where people reach Grafana: links in alerts lead there.
  --runbook-url URL   A page of yours with a heading for each alert. Default: the dashboard of the runbook.
  --objective SHARE   Share of calls that must succeed, such as 0.999.
  --selector MATCHERS What dashboards and alerts keep to, such as 'job=~"shop.*"'.
  --check             Writes nothing, and fails when a file in DIR is not what it would write.

It needs two packages: npm install --save-dev @grafana/grafana-foundation-sdk yaml

Exit codes: 0 written, or all files are up to date; 1 they are not, or cannot be written; 2 not understood.`;

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

/** The bundle is loaded only here: it needs packages that a program in production does without. */
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

const readSettings = async (file: string): Promise<unknown> => {
  const path = resolve(file);
  if (!existsSync(path)) throw new UsageError(`There is no file ${file}. Give --settings a file of settings.`);
  try {
    if (path.endsWith(".json")) return JSON.parse(readFileSync(path, "utf8"));
    return ((await import(pathToFileURL(path).href)) as { readonly default?: unknown }).default ?? {};
  } catch (error) {
    throw new CliError(`${file} cannot be read: ${(error as Error).message}`);
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
  run: async (args, { terminal }) => {
    const { values, positionals } = readOptions(args, optionsConfig);
    if (positionals.length > 0)
      throw new UsageError(`dashboards takes options only; write --out ${positionals.join(" ")}.`);
    const { out, settings: file, name, uid, objective, selector, check = false } = values;
    if (out === undefined) throw new UsageError("Say where to write, as in: firelight dashboards --out observability");

    const { completeSettings, findDrift, writeBundle } = await loadBundle();
    const given = file === undefined ? {} : await readSettings(file);
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

    const place = relative(process.cwd(), resolve(out)) || ".";
    if (check) {
      const drift = findDrift(settings, out);
      for (const path of drift) terminal.line(`${path} is missing, or is not what these settings give.`);
      if (drift.length === 0) {
        terminal.line(`The files in ${place} are what these settings give.`);
        return exitCodes.fine;
      }
      terminal.aside("firelight: write them anew without --check.");
      return exitCodes.trouble;
    }
    try {
      const written = writeBundle(settings, out);
      for (const path of written) terminal.line(path);
      terminal.aside(`${many(written.length, "file")} written to ${place}.`);
      return exitCodes.fine;
    } catch (error) {
      if (error instanceof Error && "code" in error) throw new CliError(`Cannot write to ${place}: ${error.message}`);
      throw error;
    }
  },
};
