/** Asks servers over HTTP, and says in words why one did not answer. */
import { type ResolvedConnection, resolveConnection } from "../contract/config/resolve-connection.ts";
import { ask as send } from "../parent/transport/ask.ts";
import { makeTransport } from "../parent/transport/make-transport.ts";
import type { HttpResponse } from "../parent/transport/transport.ts";

/** Why there was no answer, and what to do. */
export interface Unreachable {
  readonly problem: string;
  readonly fix: string;
}

/** An answer, read to its end. */
export interface Answer extends HttpResponse {
  /** The body as text. */
  text(): string;
}

/** What is asked, and how. */
export interface Question {
  /** Default: `GET`. */
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** How its server is reached. Default: directly, or through the proxy that the environment names. */
  readonly connection?: ResolvedConnection;
  /** Where the address of the server itself ends. Default: after its host and port. */
  readonly base?: string;
}

const timeoutMs = 5_000;
const maxAnswerBytes = 1024 * 1024 * 1024;

/** The codes of the errors behind an error, its own first. Node wraps the cause, and joins the causes of several addresses. */
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
      problem: `the name ${hostname} cannot be resolved`,
      fix: "Check its spelling, and that this machine uses the DNS server which knows it (inside a cluster, service names need their namespace).",
    }),
  ],
  [
    /^(TimeoutError|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT)$/,
    ({ host }) => ({
      problem: `${host} did not answer within ${timeoutMs / 1_000} s`,
      fix: "Look for a firewall or security group that drops packets, and for a process that hangs.",
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
      fix: "Use http:// in place of https://, or the TLS port.",
    }),
  ],
  [
    /^(CERT_|ERR_TLS_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|ERR_SSL_)/,
    ({ host }) => ({
      problem: `the certificate of ${host} is not trusted`,
      fix: "Give this process the authority's certificate with NODE_EXTRA_CA_CERTS=/path/to/ca.pem (for runners also: tls.ca), and use the name that the certificate is for.",
    }),
  ],
  [
    /^(ECONNRESET|UND_ERR_SOCKET|EPIPE|HPE_|HTTPParserError|MalformedResponse)/,
    ({ host }) => ({
      problem: `${host} closed the connection without an answer in HTTP`,
      fix: "Check the port and the scheme: a server for https://, gRPC or another protocol ends plain HTTP like this.",
    }),
  ],
];

const explain = (error: unknown, url: URL): Unreachable => {
  const codes = codesIn(error);
  for (const [pattern, words] of explanations) if (codes.some((code) => pattern.test(code))) return words(url);
  return {
    problem: `${url.host} could not be asked: ${innermost(error)}`,
    fix: "Check the address: host, port and scheme.",
  };
};

/** User name and password of an address, as a header. */
const authorizationIn = ({ username, password }: URL): Record<string, string> => {
  if (username === "" && password === "") return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
};

const exchange = async (url: URL, { base, connection, ...question }: Question): Promise<Answer> => {
  const { origin, pathname, search } = url;
  const transport = makeTransport(connection ?? resolveConnection("", { proxy: "environment" }, process.env, false));
  try {
    const { headers, ...rest } = question;
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

/** Sends a request and reads the answer whole; never throws. */
export const ask = async (address: string, question: Question = {}): Promise<Answer | Unreachable> => {
  const url = new URL(address);
  return exchange(url, question).catch((error: unknown) => explain(error, url));
};

/** What an answer says, if it says it in JSON. */
export const jsonIn = (answer: Answer): unknown => {
  try {
    return JSON.parse(answer.text()) as unknown;
  } catch {
    return undefined;
  }
};
