/** Sends HTTP requests and explains why a server is unreachable. */
import { type ResolvedConnection, resolveConnection } from "../contract/config/resolve-connection.ts";
import { ask as send } from "../parent/transport/ask.ts";
import { makeTransport } from "../parent/transport/make-transport.ts";
import type { HttpResponse } from "../parent/transport/transport.ts";

/** Why there was no response, and what to do. */
export interface Unreachable {
  readonly problem: string;
  readonly fix: string;
}

/** A complete response. */
export interface Answer extends HttpResponse {
  /** Returns the body as text. */
  text(): string;
}

/** The options of a request. */
export interface RequestOptions {
  /** Default: `GET`. */
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** The connection to the server. Default: direct, or through the proxy that the environment names. */
  readonly connection?: ResolvedConnection;
  /** The base address of the server. Default: its origin. */
  readonly base?: string;
}

const timeoutMs = 5_000;
const maxAnswerBytes = 1024 * 1024 * 1024;

/**
 * Returns the codes of an error and its causes, its own first. Node wraps the cause and combines the causes of several
 * addresses.
 */
const codesIn = (error: unknown): ReadonlyArray<string> => {
  if (typeof error !== "object" || error === null) return [];
  const { code, name, cause, errors } = error as Record<string, unknown>;
  const inner = [cause, ...(Array.isArray(errors) ? (errors as ReadonlyArray<unknown>) : [])];
  return [
    ...(typeof code === "string" ? [code] : []),
    ...(typeof name === "string" ? [name] : []),
    ...inner.flatMap(codesIn),
  ];
};

const innermost = (error: unknown): string => {
  let at = error as Error;
  while (at.cause instanceof Error) at = at.cause;
  return at.message.split("\n", 1)[0] ?? "";
};

type Explanation = readonly [codes: RegExp, explain: (url: URL) => Unreachable];

const explanations: ReadonlyArray<Explanation> = [
  [
    /^ECONNREFUSED$/,
    ({ host }) => ({
      problem: `nothing listens on ${host}`,
      fix: "Start the server, or correct the address. In a container, 127.0.0.1 is the container itself.",
    }),
  ],
  [
    /^(ENOTFOUND|EAI_AGAIN|EAI_NODATA)$/,
    ({ hostname }) => ({
      problem: `cannot resolve the name ${hostname}`,
      fix: "Check the spelling, and that this machine uses a DNS server that knows the name. Inside a cluster, service names need their namespace.",
    }),
  ],
  [
    /^(TimeoutError|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT)$/,
    ({ host }) => ({
      problem: `${host} did not respond within ${timeoutMs / 1_000} s`,
      fix: "Check for a firewall or security group that drops packets, and for a process that hangs.",
    }),
  ],
  [
    /^(EHOSTUNREACH|ENETUNREACH)$/,
    ({ hostname }) => ({
      problem: `there is no route to ${hostname}`,
      fix: "Check the network between the two: VPN, subnet, network policy.",
    }),
  ],
  [
    /^(EPROTO|ERR_SSL_PACKET_LENGTH|ERR_SSL_HTTP_REQUEST|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/,
    ({ host }) => ({
      problem: `${host} does not speak TLS`,
      fix: "Use http:// instead of https://, or the TLS port.",
    }),
  ],
  [
    /^(CERT_|ERR_TLS_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|ERR_SSL_)/,
    ({ host }) => ({
      problem: `the certificate of ${host} is not trusted`,
      fix: "Add the certificate authority with NODE_EXTRA_CA_CERTS=/path/to/ca.pem (for runners also tls.ca), and use a host name that the certificate covers.",
    }),
  ],
  [
    /^(ECONNRESET|UND_ERR_SOCKET|EPIPE|HPE_|HTTPParserError|MalformedResponse)/,
    ({ host }) => ({
      problem: `${host} closed the connection without an HTTP response`,
      fix: "Check the port and the scheme: servers for https://, gRPC or another protocol close plain HTTP connections like this.",
    }),
  ],
];

const explain = (error: unknown, url: URL): Unreachable => {
  const codes = codesIn(error);
  for (const [pattern, words] of explanations) if (codes.some((code) => pattern.test(code))) return words(url);
  return {
    problem: `the request to ${url.host} failed: ${innermost(error)}`,
    fix: "Check the address: host, port and scheme.",
  };
};

/** Converts the credentials of a URL into a header. */
const authorizationIn = ({ username, password }: URL): Record<string, string> => {
  if (username === "" && password === "") return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
};

const exchange = async (url: URL, { base, connection, ...options }: RequestOptions): Promise<Answer> => {
  const { origin, pathname, search } = url;
  const transport = makeTransport(connection ?? resolveConnection("", { proxy: "environment" }, process.env, false));
  try {
    const { headers, ...rest } = options;
    const path =
      (base === undefined ? pathname : pathname.slice(new URL(base).pathname.replace(/\/+$/, "").length)) + search;
    const wanted = { ...authorizationIn(url), ...headers };
    const asked = { ...rest, headers: wanted, url: base ?? origin, path, maxResponseBytes: maxAnswerBytes };
    const answer = await send(transport, asked, timeoutMs);
    return { ...answer, text: () => new TextDecoder().decode(answer.body) };
  } finally {
    void transport.close();
  }
};

/** Sends a request and reads the whole response. Never throws. */
export const ask = async (address: string, options: RequestOptions = {}): Promise<Answer | Unreachable> => {
  const url = new URL(address);
  return exchange(url, options).catch((error: unknown) => explain(error, url));
};

/** Returns the body of a response as JSON; `undefined` if it is not JSON. */
export const jsonIn = (answer: Answer): unknown => {
  try {
    return JSON.parse(answer.text()) as unknown;
  } catch {
    return undefined;
  }
};
