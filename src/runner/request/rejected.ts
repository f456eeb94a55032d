/** A rejected request: what its sender and the log learn. */
import type { RequestHead } from "../../contract/wire/envelope.ts";
import { type CallError, InvokeError } from "../../contract/errors.ts";
import type { InstanceNote } from "../../contract/wire/instance.ts";
import type { SigningKey } from "../../contract/wire/signature.ts";
import type { RejectionReason } from "../../telemetry/telemetry.ts";

/** A rejected request. */
export interface Rejected {
  readonly _tag: "Rejected";
  readonly status: number;
  /** The error for the sender. */
  readonly error: CallError;
  /** Set if the request was rejected because of its signature. */
  readonly reason: RejectionReason | undefined;
  /** The message for the log of the runner. */
  readonly detail: string;
  /** Set if the signature holds. Then the response is signed too. */
  readonly signer: { readonly head: RequestHead; readonly key: SigningKey } | undefined;
  /** Set if the runner would accept the same request signed for this instance. */
  readonly instance: InstanceNote | undefined;
}

/** The optional fields of a rejection. */
export interface RejectionDetails {
  readonly reason?: RejectionReason;
  readonly detail?: string;
  readonly signer?: Rejected["signer"];
  readonly instance?: InstanceNote;
}

export const reject = (status: number, error: CallError, details: RejectionDetails = {}): Rejected => ({
  _tag: "Rejected",
  status,
  error,
  reason: details.reason,
  detail: details.detail ?? error.message,
  signer: details.signer,
  instance: details.instance,
});

/** A signature error. Retrying the same request does not help. */
export const signatureError = (message: string): InvokeError =>
  new InvokeError("signature_error", message, { executed: "no", retryable: false, phase: "runner_queue" });
