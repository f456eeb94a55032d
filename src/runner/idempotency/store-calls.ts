/**
 * A store as a runner calls it: every operation ends in time, and those whose
 * failure changes nothing for the caller are logged in place of failing.
 */
import type {
  IdempotencyClaim,
  IdempotencyState,
  IdempotencyStore,
  ResolvedIdempotency,
} from "../../contract/config/idempotency.ts";
import type { Logger } from "../../contract/config/options.ts";
import { exceptionMeta } from "../../telemetry/exception.ts";
import type { Redactor } from "../../telemetry/redaction.ts";

/** Milliseconds that a store has for one operation. */
const storeTimeoutMs = 5_000;

/** Milliseconds between two renewals, at most. */
const longestRenewalMs = 60_000;

export interface StoreCallsOptions extends Pick<ResolvedIdempotency, "ttlMs" | "leaseMs"> {
  readonly store: IdempotencyStore;
  readonly logger: Logger;
  readonly redact: Redactor;
  readonly runnerId: string;
}

export interface StoreCalls {
  /** `undefined`: the store failed, which is logged; the key is given back as soon as the store can be reached. */
  begin(claim: IdempotencyClaim): Promise<IdempotencyState | undefined>;
  complete(claim: IdempotencyClaim, reply: string): Promise<void>;
  abandon(claim: IdempotencyClaim): Promise<void>;
  /** Renews the lease again and again. Returns how to stop it, which settles when no renewal is under way any more. */
  keep(claim: IdempotencyClaim): () => Promise<void>;
}

const inTime = <A>(answer: Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`The store did not answer within ${storeTimeoutMs} ms.`));
    const timer = setTimeout(late, storeTimeoutMs);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });

const call = async <A>(operation: () => A | Promise<A>): Promise<A> => operation();

export const makeStoreCalls = (options: StoreCallsOptions): StoreCalls => {
  const { store, logger, redact, runnerId, ttlMs, leaseMs } = options;

  const report = (thrown: unknown, { key }: IdempotencyClaim, what: string): void => {
    const method = key.slice(0, key.indexOf(" "));
    logger.error(`The idempotency store of runner ${runnerId} failed on a call of ${method}: ${what}`, {
      "rpc.method": method,
      ...exceptionMeta(thrown, redact),
    });
  };

  return {
    begin: async (claim) => {
      const asked = call(() => store.begin(claim, leaseMs));
      try {
        return await inTime(asked);
      } catch (thrown) {
        report(thrown, claim, "it was refused and did not run.");
        const giveBack = (): Promise<void> => call(() => store.abandon(claim));
        asked.then(giveBack, giveBack).catch(() => {});
        return undefined;
      }
    },
    complete: async (claim, reply) => {
      try {
        await inTime(call(() => store.complete(claim, reply, ttlMs)));
      } catch (thrown) {
        report(thrown, claim, "its result was not kept, and the next request with its key may run it again.");
      }
    },
    abandon: async (claim) => {
      try {
        await inTime(call(() => store.abandon(claim)));
      } catch (thrown) {
        report(thrown, claim, `its key stays taken until the lease of ${leaseMs} ms is over.`);
      }
    },
    keep: (claim) => {
      let renewing: Promise<void> | undefined;
      const renew = async (): Promise<void> => {
        try {
          await inTime(call(() => store.renew(claim, leaseMs)));
        } catch (thrown) {
          report(thrown, claim, "the lease of its key could not be renewed.");
        }
        renewing = undefined;
      };
      const timer = setInterval(() => (renewing ??= renew()), Math.min(leaseMs / 3, longestRenewalMs));
      timer.unref();
      return async () => {
        clearInterval(timer);
        await renewing;
      };
    },
  };
};
