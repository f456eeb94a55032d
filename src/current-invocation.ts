/** How code that is not handed a context finds the invocation that it runs in. */
import { currentInvocation as storage, type InvocationContext } from "./contract/api/invocation.ts";

/**
 * The invocation that surrounds the running code, or `undefined` outside of handlers. Plain functions and decorated
 * methods get no context as an argument: this is how they reach their signal, deadline and logger.
 *
 * @example
 * ```ts
 * const Reports = flame.service("reports", {
 *   build: async (month: string) => {
 *     const rows = await fetch(`https://ledger/${month}`, { signal: currentInvocation()?.signal });
 *     return rows.json();
 *   },
 * });
 * ```
 */
export const currentInvocation = (): InvocationContext | undefined => storage.getStore();
