/** A runner that has another secret than its callers. */
import type { Drill } from "../drill.ts";
import { startStaticRunner } from "../program/static-runner.ts";
import { Shop } from "../program/services.ts";

const secret = "the secret of this month";
const partner = "bad-signature-partner";

export const badSignature: Drill = {
  name: "bad-signature",
  title: "A wrong secret",
  fault: "The runner of a partner, to which one call in twenty goes, is restarted with the secret of last month.",
  alert: "FlameSignatureRejections",
  mayFire: ["FlameErrorBudgetBurnTicket"],
  panels: [
    { dashboard: "runners", panel: "Signature failures within five minutes", reaches: 3 },
    { dashboard: "overview", panel: "Failures by status", where: { rpc_status_code: "UNAUTHENTICATED" }, reaches: 0.1 },
  ],
  clue: {
    look: ({ outcome }) => outcome === "UNAUTHENTICATED",
    cause: ({ attempts: [attempt], failure }) =>
      failure?.code === "signature_error" && attempt?.runnerId === partner && attempt.missing === undefined
        ? `the runner ${attempt.runnerId} and its caller have different secrets: ${failure.message}`
        : undefined,
  },
  stage: async ({ backend, configure, crowd, untilUp }) => {
    const runner = await startStaticRunner(partner, secret);
    await configure(
      { backend, min: 1, max: 1, maxConcurrency: 8 },
      { [partner]: { runners: [{ id: runner.id, url: runner.url }] } },
      secret,
    );
    await untilUp(1);
    crowd.arrivals(5.7, () => Shop.price("lamp"));
    crowd.arrivals(0.3, () => Shop.catalog.with({ pool: partner })(3));
    return { break: () => runner.restart("the secret of last month"), heal: () => runner.restart(secret) };
  },
};
