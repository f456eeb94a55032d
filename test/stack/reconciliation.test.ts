/** The books of ledger, metrics and traces, as a part of what the stack proves. Its tests are also among the others, on both runtimes. */
import "../integration/reconciliation.test.ts";
