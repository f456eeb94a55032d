/** Reads the committed dashboards in Grafana's classic JSON. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { QueryLanguage } from "./grafana-variables.ts";

/** A query of a panel. */
export interface PanelQuery {
  readonly language: QueryLanguage;
  readonly refId: string;
  readonly text: string;
  /** An instant query, not a range query. */
  readonly instant: boolean;
  /** Its minimum step as written, used as the scrape interval. Empty: the data source's. */
  readonly minStep: string;
  /** The minimum step of its panel as written. Empty: none. */
  readonly panelMinStep: string;
  /** Legend format: text with `{{label}}`. Empty: all labels. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** Grafana's name of the unit, such as `percentunit`. Empty: none. */
  readonly unit: string;
  readonly queries: ReadonlyArray<PanelQuery>;
}

/** A variable without selected values. */
export interface VariableSpec {
  readonly name: string;
  readonly type: "query" | "datasource" | "custom" | "constant" | "textbox" | "interval" | "adhoc";
  readonly query: string;
  readonly regex: string;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue: string | undefined;
}

export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly panels: ReadonlyArray<Panel>;
  readonly variables: ReadonlyArray<VariableSpec>;
}

interface RawTarget {
  readonly refId?: string;
  readonly expr?: string;
  readonly query?: string;
  readonly instant?: boolean;
  readonly range?: boolean;
  readonly interval?: string;
  readonly legendFormat?: string;
  readonly datasource?: { readonly type?: string };
}

interface RawPanel {
  readonly title?: string;
  readonly type: string;
  readonly interval?: string;
  readonly datasource?: { readonly type?: string };
  readonly targets?: ReadonlyArray<RawTarget>;
  readonly panels?: ReadonlyArray<RawPanel>;
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } };
}

interface RawVariable {
  readonly name: string;
  readonly type: VariableSpec["type"];
  readonly query?: string | { readonly query?: string };
  readonly regex?: string;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string | null;
}

interface RawDashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels?: ReadonlyArray<RawPanel>;
  readonly templating?: { readonly list?: ReadonlyArray<RawVariable> };
}

const languages: ReadonlySet<string> = new Set<QueryLanguage>(["prometheus", "loki", "tempo"]);

const readTarget = (target: RawTarget, panel: RawPanel): ReadonlyArray<PanelQuery> => {
  const type = target.datasource?.type ?? panel.datasource?.type;
  const text = target.expr ?? target.query;
  if (type === undefined || !languages.has(type) || text === undefined || text === "") return [];
  return [
    {
      language: type as QueryLanguage,
      refId: target.refId ?? "A",
      text,
      instant: target.instant === true && target.range !== true,
      minStep: target.interval ?? "",
      panelMinStep: panel.interval ?? "",
      legend: target.legendFormat ?? "",
    },
  ];
};

const readPanels = (panels: ReadonlyArray<RawPanel>): ReadonlyArray<Panel> =>
  panels.flatMap((panel) => [
    ...(panel.type === "row"
      ? []
      : [
          {
            title: panel.title ?? "",
            unit: panel.fieldConfig?.defaults?.unit ?? "",
            queries: (panel.targets ?? []).flatMap((target) => readTarget(target, panel)),
          },
        ]),
    ...readPanels(panel.panels ?? []),
  ]);

const readVariable = ({ name, type, query, regex, multi, includeAll, allValue }: RawVariable): VariableSpec => ({
  name,
  type,
  query: (typeof query === "string" ? query : query?.query) ?? "",
  regex: regex ?? "",
  multi: multi ?? false,
  includeAll: includeAll ?? false,
  allValue: allValue === null || allValue === "" ? undefined : allValue,
});

/** The dashboards of a folder, by file name. */
export const readDashboards = (folder: string): ReadonlyArray<Dashboard> =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => {
      const file = join(folder, name);
      const raw = JSON.parse(readFileSync(file, "utf8")) as RawDashboard;
      return {
        file: basename(file),
        uid: raw.uid,
        title: raw.title,
        panels: readPanels(raw.panels ?? []),
        variables: (raw.templating?.list ?? []).map(readVariable),
      };
    });
