/** Asks Tempo or Jaeger for a trace, and for those that it links to. */
import { InputError, CliError } from "../errors.ts";
import { withoutSecrets } from "../../contract/config/runner-url.ts";
import { ask, jsonIn } from "../unreachable.ts";
import { jaegerErrorIn, readTelemetry } from "./read-telemetry.ts";
import { type TelemetryData, together } from "./telemetry-data.ts";

/** A server that keeps traces. */
export interface TraceStore {
  readonly kind: "tempo" | "jaeger";
  /** Base address, without a slash at its end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where each kind of server has its traces: newer and older paths, asked in this order. */
const paths: Readonly<Record<TraceStore["kind"], ReadonlyArray<string>>> = {
  tempo: ["/api/v2/traces/", "/api/traces/"],
  jaeger: ["/api/traces/", "/api/v3/traces/"],
};

const names: Readonly<Record<TraceStore["kind"], string>> = { tempo: "Tempo", jaeger: "Jaeger" };

const read = (value: unknown, address: string): TelemetryData => {
  try {
    return readTelemetry(value);
  } catch (error) {
    throw new InputError(address, undefined, (error as Error).message);
  }
};

/**
 * One trace; `undefined` when the server does not have it.
 *
 * @throws {CliError} when the server cannot be asked, or answers something else.
 */
const fetchTrace = async (store: TraceStore, traceId: string): Promise<TelemetryData | undefined> => {
  for (const path of paths[store.kind]) {
    const address = `${store.url}${path}${traceId}`;
    const shown = withoutSecrets(address);
    const answer = await ask(address, { headers: { accept: "application/json", ...store.headers } });
    if ("problem" in answer) throw new CliError(`${names[store.kind]}: ${answer.problem}. ${answer.fix}`);
    if (answer.status === 404) continue;
    const value = jsonIn(answer);
    if (answer.status !== 200) {
      const said = jaegerErrorIn(value) ?? answer.text().trim().slice(0, 200);
      const fix =
        answer.status === 401 || answer.status === 403
          ? ' Give it what it asks for, as in --header "authorization: Bearer …".'
          : "";
      throw new CliError(`${shown} answered ${answer.status}: ${said}.${fix}`);
    }
    if (value === undefined)
      throw new InputError(shown, undefined, "the answer is not JSON: is this the API's address?");
    const data = read(value, shown);
    return data.spans.length === 0 ? undefined : data;
  }
  return undefined;
};

/** Linked traces that are asked for. */
const mostLinked = 12;

/**
 * A trace and the traces that it links to: of the boots and calls that it waited for.
 *
 * @throws {CliError} when the server does not have it, or cannot be asked.
 */
export const loadTrace = async (store: TraceStore, traceId: string): Promise<TelemetryData> => {
  const trace = await fetchTrace(store, traceId);
  if (trace === undefined) {
    throw new CliError(
      `${names[store.kind]} at ${withoutSecrets(store.url)} has no trace ${traceId}. ` +
        "It may not have arrived yet (wait for the SDK's and the collector's batches), was not sampled, or is older than what is kept.",
    );
  }
  const linked = new Set(trace.spans.flatMap(({ links }) => links.map((link) => link.traceId)));
  linked.delete(traceId);
  const asked = [...linked].slice(0, mostLinked);
  const others = await Promise.all(asked.map((id) => fetchTrace(store, id)));
  const left = linked.size - asked.length;
  const notes = left === 0 ? [] : [`${left} of the linked traces were not asked for.`];
  return together([trace, ...others.flatMap((other) => other ?? []), { spans: [], logs: [], notes }]);
};
