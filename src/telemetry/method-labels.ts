/** Limits the methods that metrics name in their labels. */
import { OTHER_METHOD } from "./catalog.ts";
import type { FlameEvent } from "./telemetry.ts";

/** Returns the label of a method. */
export type MethodLabel = (method: string) => string;

/** Maximum number of cached labels. Method ids come from definitions, so there are few. */
const maxRemembered = 10_000;

/**
 * Labels methods by an allow-list of `service/method` and `service/*`. Methods that are not on it get `_OTHER`.
 *
 * @returns `undefined` if there is no list, so every method is its own label
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

/** Replaces the method of an event by its label. */
export const withMethod = (event: FlameEvent, labelOf: MethodLabel): FlameEvent => {
  if (!("method" in event)) return event;
  const method = labelOf(event.method);
  return method === event.method ? event : { ...event, method };
};
