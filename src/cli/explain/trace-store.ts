/** Loads a trace, and the traces that it links to, from Tempo or Jaeger. */
import { InputError, CliError } from "../errors.ts";
import { withoutSecrets } from "../../contract/config/runner-url.ts";
import { ask, jsonIn } from "../unreachable.ts";
import { jaegerErrorIn, readTelemetry } from "./read-telemetry.ts";
import { type TelemetryData, combine } from "./telemetry-data.ts";

/** A server that stores traces. */
export interface TraceStore {
  readonly kind: "tempo" | "jaeger";
  /** The base address, without a trailing slash. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The API paths of each kind of server, newer ones first; tried in this order. */
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
 * Loads one trace; `undefined` if the server does not have it.
 *
 * @throws {CliError} if the request fails or the response is invalid
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
          ? ' Send credentials, as in --header "authorization: Bearer …".'
          : "";
      throw new CliError(`${shown} responded ${answer.status}: ${said}.${fix}`);
    }
    if (value === undefined)
      throw new InputError(shown, undefined, "the response is not JSON; check that this is the address of the API");
    const data = read(value, shown);
    return data.spans.length === 0 ? undefined : data;
  }
  return undefined;
};

/** Maximum number of linked traces to load. */
const maxLinked = 12;

/**
 * Loads a trace and the traces that it links to: the boots and calls that it waited for.
 *
 * @throws {CliError} if the server does not have it or the request fails
 */
export const loadTrace = async (store: TraceStore, traceId: string): Promise<TelemetryData> => {
  const trace = await fetchTrace(store, traceId);
  if (trace === undefined) {
    throw new CliError(
      `${names[store.kind]} at ${withoutSecrets(store.url)} has no trace ${traceId}. ` +
        "It has not arrived yet (the SDK and the collector send batches), was not sampled, or is past the retention period.",
    );
  }
  const linked = new Set(trace.spans.flatMap(({ links }) => links.map((link) => link.traceId)));
  linked.delete(traceId);
  const asked = [...linked].slice(0, maxLinked);
  const others = await Promise.all(asked.map((id) => fetchTrace(store, id)));
  const left = linked.size - asked.length;
  const notes = left === 0 ? [] : [`${left} of the linked traces were not loaded.`];
  return combine([trace, ...others.flatMap((other) => other ?? []), { spans: [], logs: [], notes }]);
};
