/** Runs the reconciliation tests with the stack too. They also run with `npm test` on both runtimes. */
import "../integration/reconciliation.test.ts";
