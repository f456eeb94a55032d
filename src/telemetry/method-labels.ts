/** Which methods the labels of metrics name, where not every one does. */
import { OTHER_METHOD } from "./catalog.ts";
import type { FlameEvent } from "./telemetry.ts";

/** The label of a method. */
export type MethodLabel = (method: string) => string;

/** Most methods whose labels are remembered; ids come from definitions, which are few. */
const maxRemembered = 10_000;

/**
 * Labels by an allow-list of `service/method` and `service/*`: methods that it does not have are `_OTHER`.
 *
 * @returns `undefined` where every method is its own label.
 */
export const methodLabels = (allowed: ReadonlyArray<string> | undefined): MethodLabel | undefined => {
  if (allowed === undefined) return undefined;
  const exact = new Set(allowed);
  const labels = new Map<string, string>();
  return (method) => {
    const known = labels.get(method);
    if (known !== undefined) return known;
    const service = method.slice(0, method.indexOf("/"));
    const label = exact.has(method) || exact.has(`${service}/*`) ? method : OTHER_METHOD;
    if (labels.size < maxRemembered) labels.set(method, label);
    return label;
  };
};

/** The event with the label in place of the method, where it has one. */
export const withMethod = (event: FlameEvent, labelOf: MethodLabel): FlameEvent => {
  if (!("method" in event)) return event;
  const method = labelOf(event.method);
  return method === event.method ? event : { ...event, method };
};
