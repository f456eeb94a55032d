/** Checks the addresses of runners and prints them without what may be secret. */
import { ConfigError } from "../errors.ts";

const mayHideSecrets = (text: string): boolean => /[@?#]/.test(text);

const notShown = "(not shown: it may contain credentials)";

/**
 * An address without user name, password, query and fragment, safe to show. Text that cannot be parsed and may contain any of
 * these is not shown at all.
 */
export const withoutSecrets = (text: string): string => {
  const url = URL.parse(text);
  if (url === null || url.host === "") return mayHideSecrets(text) ? notShown : text;
  if (!mayHideSecrets(text)) return text;
  const user = url.username === "" && url.password === "" ? "" : "***@";
  return `${url.protocol}//${user}${url.host}${url.pathname}${/[?#]/.test(text) ? "…" : ""}`;
};

/** The same in quotation marks, to be shown as a value. */
export const shownAddress = (text: string): string => {
  const shown = withoutSecrets(text);
  return shown === notShown ? shown : `"${shown}"`;
};

/** What is wrong with the address of a runner, as the rest of a sentence that starts with its name; `undefined` if nothing. */
export const addressFault = (value: unknown): string | undefined => {
  if (typeof value !== "string")
    return `is ${value === null ? "null" : typeof value}. Use a string such as "http://127.0.0.1:8080".`;
  const url = URL.parse(value);
  const shown = shownAddress(value);
  if (url === null) return `is ${shown}, which is not a URL. Use one like "http://127.0.0.1:8080".`;
  if (url.protocol !== "http:" && url.protocol !== "https:") return `is ${shown}. Use an http:// or https:// address.`;
  if (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/?#]*@/.test(value)) {
    return `is ${shown}, with a user name or password. Remove them: requests to runners are signed with security.secret, and tls.cert is there for mutual TLS.`;
  }
  if (/[?#]/.test(value)) {
    return `is ${shown}, with a query or a fragment. Use only scheme, host, port and path: paths such as /invoke and /ready are appended.`;
  }
  return undefined;
};

/** An address that has no fault in its normal form: no slash at its end, the host in lower case, no default port. */
export const normalAddress = (value: string): string => {
  const { origin, pathname } = new URL(value);
  return origin + pathname.replace(/\/+$/, "");
};

/**
 * The base URL of a runner, without a slash at its end. A path stays: it is the prefix of a gateway.
 *
 * @throws {ConfigError} naming the field, and without what may be secret in the value.
 */
export const resolveUrl = (field: string, value: unknown): string => {
  const fault = addressFault(value);
  if (fault !== undefined) throw new ConfigError(`${field} ${fault}`);
  return normalAddress(value as string);
};

/** What is wrong with an id of a runner, as the rest of a sentence that starts with its name; `undefined` if nothing. */
export const runnerIdFault = (id: unknown, maxLength: number): string | undefined => {
  if (typeof id !== "string") return `is ${id === null ? "null" : typeof id}. Use a string.`;
  const url = URL.parse(id);
  if (url !== null && (url.username !== "" || url.password !== "")) {
    return `is ${shownAddress(id)}: an address with a user name or password. Ids are sent and logged: use one without credentials.`;
  }
  if (id.length > 0 && id.length <= maxLength && /^[\x21-\x7e]+$/.test(id)) return undefined;
  const shown = mayHideSecrets(id) ? "is invalid" : `is "${id}"`;
  return `${shown}. Use 1–${maxLength} printable ASCII characters without spaces.`;
};
