/** Resolves how connections to the runners of a pool are made: certificates and proxy. */
import { ConfigError } from "../errors.ts";
import type { PoolConfig, TlsOptions } from "./pool-options.ts";
import { shownAddress } from "./runner-url.ts";

/** The environment variables that Firelight reads. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy that opens tunnels with CONNECT. */
export interface ProxyServer {
  readonly hostname: string;
  readonly port: number;
  /** The value of `proxy-authorization`. Secret. */
  readonly authorization: string | undefined;
}

/** Everything about connections, with nothing left open. */
export interface ResolvedConnection {
  /** The name of its TLS options, such as `pools.gpu.tls`. */
  readonly tlsField: string;
  readonly tls: TlsOptions;
  /** The proxy for requests to an address; `undefined` for a direct connection. */
  readonly proxyFor: (url: URL) => ProxyServer | undefined;
}

const direct = (): undefined => undefined;

/** Connections with no options: direct, and with the certificate authorities that the runtime trusts. */
export const plainConnection: ResolvedConnection = { tlsField: "tls", tls: {}, proxyFor: direct };

/** Whether a host name is one of this machine's own. */
export const isLoopback = (hostname: string): boolean =>
  /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\])$/.test(hostname);

const readProxy = (field: string, value: unknown): ProxyServer => {
  const url = typeof value === "string" ? URL.parse(value) : null;
  if (url === null || url.protocol !== "http:" || url.hostname === "") {
    const shown = typeof value === "string" ? shownAddress(value) : String(value);
    throw new ConfigError(
      `${field} is ${shown}. Use the http:// address of a proxy, such as "http://proxy.internal:3128", "environment" for HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or false for none.`,
    );
  }
  const { hostname, port, username, password } = url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 80 : Number(port),
    authorization:
      username === "" && password === "" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`,
  };
};

/** Whether an entry of NO_PROXY fits: `*`, `host`, `.domain` or `domain` with all below it, each with an optional `:port`. */
const bypasses = (entry: string, { hostname, port, protocol }: URL): boolean => {
  if (entry === "*") return true;
  const [, name = "", only] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== (port || (protocol === "https:" ? "443" : "80"))) return false;
  return name !== "" && (hostname === name || hostname.endsWith(`.${name}`));
};

const fromEnvironment = (env: Environment): ResolvedConnection["proxyFor"] => {
  const variable = (name: string): ProxyServer | undefined => {
    for (const spelled of [name.toLowerCase(), name]) {
      const value = env[spelled]?.trim();
      if (value) return readProxy(spelled, /^[a-z]+:\/\//i.test(value) ? value : `http://${value}`);
    }
    return undefined;
  };
  const http = variable("HTTP_PROXY");
  const https = variable("HTTPS_PROXY");
  const without = (env["no_proxy"] ?? env["NO_PROXY"] ?? "")
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  return (url) => {
    if (isLoopback(url.hostname) || without.some((entry) => bypasses(entry, url))) return undefined;
    return url.protocol === "https:" ? https : http;
  };
};

const checkTls = (at: string, tls: TlsOptions): TlsOptions => {
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const [there, missing] = tls.cert === undefined ? ["key", "cert"] : ["cert", "key"];
    throw new ConfigError(`${at} has ${there} but no ${missing}. A client certificate needs both.`);
  }
  return tls;
};

/**
 * Resolves the options of a pool over those of the configuration, and the environment's proxies if they are asked for.
 *
 * @param at the pool, such as `pools.gpu`; empty for the configuration itself
 * @param startsRunners whether the pool has a backend: its runners at loopback addresses are never reached through a proxy.
 * @throws {ConfigError} naming the field, and never a key or a password.
 */
export const resolveConnection = (
  at: string,
  { tls, proxy }: Pick<PoolConfig, "tls" | "proxy">,
  env: Environment,
  startsRunners: boolean,
): ResolvedConnection => {
  const prefix = at === "" ? "" : `${at}.`;
  const tlsField = `${prefix}tls`;
  const proxyFor = (): ResolvedConnection["proxyFor"] => {
    if (proxy === undefined || proxy === false) return direct;
    if (proxy === "environment") return fromEnvironment(env);
    const server = readProxy(`${prefix}proxy`, proxy);
    return (url) => (startsRunners && isLoopback(url.hostname) ? undefined : server);
  };
  return { tlsField, tls: tls === undefined ? {} : checkTls(tlsField, tls), proxyFor: proxyFor() };
};
