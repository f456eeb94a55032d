/** STUB: the signature's room; see the helper's brief. */
import type { RequestHead, ResponseHead } from "./envelope.ts";
export interface SigningKey { readonly id: string; readonly secret: string }
export interface Keyring { readonly signing: SigningKey; find(id: string): SigningKey | undefined }
export declare const makeKeyring: (signing: SigningKey, accept: ReadonlyArray<SigningKey>) => Keyring;
export declare const signRequest: (head: RequestHead, body: Uint8Array, key: SigningKey) => string;
export declare const verifyRequest: (head: RequestHead, body: Uint8Array, signature: string, key: SigningKey) => boolean;
export declare const signResponse: (head: ResponseHead, body: Uint8Array, key: SigningKey) => string;
export declare const verifyResponse: (head: ResponseHead, body: Uint8Array, signature: string, key: SigningKey) => boolean;
