/** A request that is refused: what the other side and the log are told. */
import type { RequestHead } from "../../contract/wire/envelope.ts";
import { type CallError, InvokeError } from "../../contract/errors.ts";
import type { InstanceNote } from "../../contract/wire/instance.ts";
import type { SigningKey } from "../../contract/wire/signature.ts";
import type { RejectionReason } from "../../telemetry/telemetry.ts";

/** A request that is refused. */
export interface Refused {
  readonly _tag: "Refused";
  readonly status: number;
  /** What the other side is told. */
  readonly error: CallError;
  /** Set when the signature is the reason. */
  readonly reason: RejectionReason | undefined;
  /** What the runner's log is told. */
  readonly detail: string;
  /** Set when the signature held: then the refusal is signed too. */
  readonly signer: { readonly head: RequestHead; readonly key: SigningKey } | undefined;
  /** Set when the same request would be taken if it named this instance. */
  readonly instance: InstanceNote | undefined;
}

/** What a refusal says beside its status and error. */
export interface Refusal {
  readonly reason?: RejectionReason;
  readonly detail?: string;
  readonly status?: number;
  readonly signer?: Refused["signer"];
  readonly instance?: InstanceNote;
}

export const refuse = (status: number, error: CallError, refusal: Refusal = {}): Refused => ({
  _tag: "Refused",
  status,
  error,
  reason: refusal.reason,
  detail: refusal.detail ?? error.message,
  signer: refusal.signer,
  instance: refusal.instance,
});

/** A refusal that trying again does not help. */
export const signatureError = (message: string): InvokeError =>
  new InvokeError("signature_error", message, { executed: "no", retryable: false, phase: "runner_queue" });
