/**
 * Calls an idempotency store: every operation has a timeout, and a failure that does not change the result of the
 * caller is logged instead of thrown.
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

/** Timeout of one operation of the store, in milliseconds. */
const storeTimeoutMs = 5_000;

/** Maximum interval between two renewals, in milliseconds. */
const maxRenewalMs = 60_000;

export interface StoreCallsOptions extends Pick<ResolvedIdempotency, "ttlMs" | "leaseMs"> {
  readonly store: IdempotencyStore;
  readonly logger: Logger;
  readonly redact: Redactor;
  readonly runnerId: string;
}

export interface StoreCalls {
  /** `undefined` if the store failed. The failure is logged, and the key is released as soon as the store responds. */
  begin(claim: IdempotencyClaim): Promise<IdempotencyState | undefined>;
  complete(claim: IdempotencyClaim, reply: string): Promise<void>;
  abandon(claim: IdempotencyClaim): Promise<void>;
  /** Renews the lease periodically. Returns a function that stops it, and settles when no renewal is in progress. */
  renew(claim: IdempotencyClaim): () => Promise<void>;
}

const inTime = <A>(answer: Promise<A>): Promise<A> =>
  new Promise((resolve, reject) => {
    const expire = (): void => reject(new Error(`The store did not respond within ${storeTimeoutMs} ms.`));
    const timer = setTimeout(expire, storeTimeoutMs);
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
        report(thrown, claim, "the call was rejected and did not run.");
        const release = (): Promise<void> => call(() => store.abandon(claim));
        asked.then(release, release).catch(() => {});
        return undefined;
      }
    },
    complete: async (claim, reply) => {
      try {
        await inTime(call(() => store.complete(claim, reply, ttlMs)));
      } catch (thrown) {
        report(thrown, claim, "its result was not stored; the next request with its key may run it again.");
      }
    },
    abandon: async (claim) => {
      try {
        await inTime(call(() => store.abandon(claim)));
      } catch (thrown) {
        report(thrown, claim, `its key stays locked until the lease of ${leaseMs} ms expires.`);
      }
    },
    renew: (claim) => {
      let renewing: Promise<void> | undefined;
      const renew = async (): Promise<void> => {
        try {
          await inTime(call(() => store.renew(claim, leaseMs)));
        } catch (thrown) {
          report(thrown, claim, "the lease of its key could not be renewed.");
        }
        renewing = undefined;
      };
      const timer = setInterval(() => (renewing ??= renew()), Math.min(leaseMs / 3, maxRenewalMs));
      timer.unref();
      return async () => {
        clearInterval(timer);
        await renewing;
      };
    },
  };
};
