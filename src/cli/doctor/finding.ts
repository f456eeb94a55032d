/** What a check of the doctor says. */
import type { AlertName } from "../alerts.ts";

export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  /** `skipped` when there was nothing to look at, which is no trouble. */
  readonly verdict: "ok" | "failed" | "skipped";
  /** What was seen. */
  readonly seen: string;
  /** What to do about it, where it failed or was skipped for want of something. */
  readonly fix?: string | undefined;
  /** The alert that watches for this. */
  readonly alert?: AlertName | undefined;
}

export const ok = (check: string, seen: string): Finding => ({ check, verdict: "ok", seen });

export const failed = (check: string, seen: string, fix: string, alert?: AlertName): Finding => ({
  check,
  verdict: "failed",
  seen,
  fix,
  alert,
});

export const skipped = (check: string, seen: string, fix?: string): Finding => ({
  check,
  verdict: "skipped",
  seen,
  fix,
});
