/** Reads the committed dashboards. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const dashboardsFolder: string = join(import.meta.dirname, "../../dashboards");

export interface GridPos {
  readonly h: number;
  readonly w: number;
  readonly x: number;
  readonly y: number;
}

export interface Link {
  readonly title: string;
  readonly url: string;
}

export interface Target {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly expr?: string;
  readonly query?: string;
  readonly queryType?: string;
  readonly exemplar?: boolean;
  readonly legendFormat?: string;
  readonly range?: boolean;
  readonly instant?: boolean;
}

interface Override {
  readonly matcher: { readonly id: string; readonly options: string };
  readonly properties: ReadonlyArray<{ readonly id: string; readonly value: unknown }>;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: GridPos;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: ReadonlyArray<Target>;
  readonly links?: ReadonlyArray<Link>;
  readonly options?: { readonly content?: string };
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly links?: ReadonlyArray<Link>;
      readonly custom?: { readonly thresholdsStyle?: { readonly mode: string } };
      readonly thresholds?: {
        readonly steps: ReadonlyArray<{ readonly value: number | null; readonly color: string }>;
      };
    };
    readonly overrides: ReadonlyArray<Override>;
  };
}

export interface Variable {
  readonly name: string;
  readonly label?: string;
  readonly type: string;
  readonly query?: string | { readonly query: string };
  readonly definition?: string;
  readonly datasource?: { readonly uid: string };
  readonly current?: { readonly value: string };
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
  readonly refresh?: number;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: ReadonlyArray<string>;
  readonly editable: boolean;
  readonly schemaVersion: number;
  readonly panels: ReadonlyArray<Panel>;
  readonly links: ReadonlyArray<Link>;
  readonly templating: { readonly list: ReadonlyArray<Variable> };
  readonly annotations: { readonly list: ReadonlyArray<{ readonly name: string; readonly expr?: string }> };
}

export const parse = (text: string): Dashboard => JSON.parse(text) as Dashboard;

/** The texts of the committed dashboards, by file name. */
export const shippedTexts = (): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(dashboardsFolder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => [name, readFileSync(join(dashboardsFolder, name), "utf8")]),
  );

/** The committed dashboards. */
export const shippedDashboards = (): ReadonlyArray<Dashboard> => [...shippedTexts().values()].map(parse);

/** Panels with queries, without rows and text. */
export const asking = ({ panels }: Dashboard): ReadonlyArray<Panel> =>
  panels.filter(({ targets = [] }) => targets.length > 0);

/** Every link of a panel: of its header, its values and its columns. */
export const linksOf = ({ links = [], fieldConfig }: Panel): ReadonlyArray<Link> => [
  ...links,
  ...(fieldConfig?.defaults.links ?? []),
  ...(fieldConfig?.overrides ?? []).flatMap(({ properties }) =>
    properties.flatMap(({ id, value }) => (id === "links" ? (value as ReadonlyArray<Link>) : [])),
  ),
];

/** The names of variables in a text, written as `$name`, `${name}` or `${name:format}`, and of fields, as `${__field.labels.x}`. */
export const variablesIn = (text: string): ReadonlySet<string> =>
  new Set(
    [...text.matchAll(/\$(?:\{([a-zA-Z_][\w.]*)(?::\w+)?\}|([a-zA-Z_]\w*))/g)].map(
      ([, braced, bare]) => braced ?? bare ?? "",
    ),
  );
