/** What takes part: a way to call a function in another process. */

export type Runtime = "node" | "bun";

/** What is called: `call` sends the small order, `rich` sends and returns 10 KB with dates. */
export type RemoteWork = "call" | "rich";

/** How a program of a contestant is set up. */
export interface Settings {
  /** Which telemetry it has. Default: what `id` says. */
  readonly telemetry: "on" | "off" | "no-sdk";
  /** Firelight's transport, where it has the choice. Default: Firelight's default. */
  readonly transport?: string;
}

/** One call. */
export type Call = () => Promise<unknown>;

/** The two programs of a contestant, each in a process of its own. */
export interface Contestant {
  /** Starts the server and returns its address. */
  serve(settings: Settings): Promise<string>;
  /** Connects and returns the calls. */
  connect(address: string, settings: Settings): Promise<Partial<Record<RemoteWork, Call>>>;
  /** Sends what telemetry has buffered and returns the number of spans so far. Default: none. */
  spans?(): Promise<number>;
}

/** An entry of the list of contestants. */
export interface Entry {
  readonly id: string;
  /** The name in tables. */
  readonly name: string;
  /** The module, below `bench/`, that exports a {@link Contestant}. */
  readonly module: string;
  readonly settings: Settings;
  readonly runtimes: ReadonlyArray<Runtime>;
  readonly works: ReadonlyArray<RemoteWork>;
  /** Whether it needs the packages of `bench/package.json`. */
  readonly peer: boolean;
}

const node = ["node"] as const;
const both = ["node", "bun"] as const;
const remote = ["call", "rich"] as const;

const ours = (id: string, name: string, settings: Settings, works: ReadonlyArray<RemoteWork>): Entry => ({
  id,
  name,
  module: "contestants/firelight.ts",
  settings,
  runtimes: both,
  works,
  peer: false,
});

const peer = (id: string, name: string, module: string, telemetry: "on" | "off"): Entry => ({
  id,
  name,
  module: `peers/${module}.ts`,
  settings: { telemetry },
  runtimes: node,
  works: ["call"],
  peer: true,
});

/** The first one is what all others are compared with. */
export const entries: ReadonlyArray<Entry> = [
  {
    id: "bare",
    name: "bare HTTP",
    module: "contestants/bare.ts",
    settings: { telemetry: "off" },
    runtimes: both,
    works: remote,
    peer: false,
  },
  ours("firelight", "Firelight, everything on", { telemetry: "on" }, remote),
  ours("firelight-http", "Firelight over HTTP, everything on", { telemetry: "on", transport: "http" }, ["call"]),
  ours("firelight-no-sdk", "Firelight without an SDK", { telemetry: "no-sdk" }, ["call"]),
  ours("firelight-off", "Firelight, telemetry off", { telemetry: "off" }, ["call"]),
  peer("http-otel", "HTTP + OpenTelemetry", "http", "on"),
  peer("effect-rpc", "Effect RPC, WebSocket", "effect-rpc", "off"),
  peer("effect-rpc-otel", "Effect RPC, WebSocket + OpenTelemetry", "effect-rpc", "on"),
  peer("moleculer", "Moleculer, TCP", "moleculer", "off"),
  peer("moleculer-otel", "Moleculer, TCP + metrics and tracing", "moleculer", "on"),
  peer("grpc", "grpc-js", "grpc", "off"),
  peer("grpc-otel", "grpc-js + OpenTelemetry", "grpc", "on"),
];
