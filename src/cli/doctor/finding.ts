/** The result of a check of the doctor. */
import type { AlertName } from "../alerts.ts";

export interface Finding {
  /** The name of the check, in a word or two. */
  readonly check: string;
  /** `skipped` if there was nothing to check, which is not a failure. */
  readonly status: "ok" | "failed" | "skipped";
  /** What the check found. */
  readonly seen: string;
  /** How to fix the failure, or how to enable a skipped check. */
  readonly fix?: string | undefined;
  /** The alert that monitors this. */
  readonly alert?: AlertName | undefined;
}

export const ok = (check: string, seen: string): Finding => ({ check, status: "ok", seen });

export const failed = (check: string, seen: string, fix: string, alert?: AlertName): Finding => ({
  check,
  status: "failed",
  seen,
  fix,
  alert,
});

export const skipped = (check: string, seen: string, fix?: string): Finding => ({
  check,
  status: "skipped",
  seen,
  fix,
});
