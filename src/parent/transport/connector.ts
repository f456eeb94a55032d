/**
 * Opens connections to one runner: TCP, a tunnel through a proxy, TLS. No byte of a request is sent before the
 * connection is complete, so a failure here proves that no handler ran.
 *
 * With TLS 1.3 a server checks the client certificate after the client considers the connection open, and some servers
 * then close it without an alert. To tell a rejected certificate from a lost response, a new connection over TLS first
 * requests `/ready`, until the server has responded once.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";
import { ConfigError } from "../../contract/errors.ts";
import type { ProxyServer, ResolvedConnection } from "../../contract/config/resolve-connection.ts";
import { type ResponseHead, ResponseReader } from "./response-reader.ts";

/** Called once, with a socket or the reason why there is none. */
export type Connected = (error: Error | null, socket: Socket | null) => void;

/** Timeout until a request can be sent, in milliseconds. */
const connectTimeoutMs = 10_000;
const keepAliveProbeMs = 60_000;

const ignore = (): void => {};

/** A TLS failure in words, with its code. OpenSSL's own text refers to its source files. */
const explained = (error: Error): Error => {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (code.startsWith("ERR_SSL_")) {
    const advice = /CERT|HANDSHAKE_FAILURE|UNKNOWN_CA/.test(code)
      ? "the server may require a client certificate, or another one (tls.cert and tls.key)"
      : "check that the server uses TLS on this port";
    return Object.assign(new Error(`TLS failed (${code}): ${advice}`, { cause: error }), { code });
  }
  if (/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(GET|VERIFY))/.test(code)) {
    const message = `the certificate is not trusted (${error.message}): set tls.ca to the certificate of its authority`;
    return Object.assign(new Error(message, { cause: error }), { code });
  }
  return error;
};

/** Sends a request on a new socket, and reads the response. For CONNECT it reads only the head. */
const exchange = (
  socket: Socket,
  request: string,
  headOnly: boolean,
  done: (error: Error | undefined, head: ResponseHead | undefined) => void,
): void => {
  let head: ResponseHead | undefined;
  let surplus = false;
  const end = (error: Error | undefined): void => {
    socket.off("data", onData);
    socket.pause();
    done(error, head);
  };
  const reader = new ResponseReader({
    onHead: (read) => {
      surplus ||= head !== undefined;
      head ??= read;
    },
    onData: () => {
      surplus ||= headOnly;
    },
    onEnd: ignore,
  });
  const onData = (chunk: Buffer): void => {
    try {
      reader.push(chunk);
    } catch (error) {
      return end(error as Error);
    }
    if (surplus) end(new Error("the response is longer than expected"));
    else if (head !== undefined && (headOnly || reader.atRest || head.framing === "to the end")) end(undefined);
  };
  socket.on("data", onData).resume();
  socket.write(request);
};

const tunnelRequest = (host: string, { authorization }: ProxyServer): string =>
  `CONNECT ${host} HTTP/1.1\r\nhost: ${host}\r\n` +
  `${authorization === undefined ? "" : `proxy-authorization: ${authorization}\r\n`}\r\n`;

/**
 * Validates certificates and keys.
 *
 * @throws {ConfigError} with the name of the invalid option.
 */
export const checkCertificates = ({ tlsField, tls }: ResolvedConnection): void => {
  if (tls.ca === undefined && tls.cert === undefined) return;
  try {
    createSecureContext(tls as object);
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new ConfigError(
      `${tlsField} is invalid (${code}). Check that ca, cert and key are complete PEM files, that key belongs to cert, and that the passphrase is correct.`,
    );
  }
};

export class Connector {
  /** The path of the runner's URL, a prefix of the path of each request. */
  readonly prefix: string;
  /** The `host` header. */
  readonly host: string;
  readonly origin: string;
  readonly #hostname: string;
  readonly #port: number;
  readonly #secure: boolean;
  readonly #proxy: ProxyServer | undefined;
  readonly #tls: ResolvedConnection["tls"];
  readonly #opening = new Set<(error: Error) => void>();
  #answered = false;

  constructor(url: string, connection: ResolvedConnection) {
    const { protocol, hostname, port, host, pathname, origin } = new URL(url);
    this.prefix = pathname.replace(/\/+$/, "");
    this.host = host;
    this.origin = origin;
    this.#secure = protocol === "https:";
    this.#hostname = hostname.replace(/^\[|\]$/g, "");
    this.#port = port === "" ? (this.#secure ? 443 : 80) : Number(port);
    this.#proxy = connection.proxyFor(new URL(url));
    this.#tls = connection.tls;
  }

  /** Reports that a connection delivered a response. */
  answered(): void {
    this.#answered = true;
  }

  /** Reports that a connection was closed before a response. */
  unanswered(): void {
    this.#answered = false;
  }

  /**
   * Opens a connection on which a request can be sent. Returns a function that aborts it, after which `done` is not
   * called.
   */
  open(done: Connected): () => void {
    let over = false;
    let giveUp = (): void => {
      over = true;
      clearTimeout(timer);
      this.#opening.delete(end);
      socket.off("error", end).off("close", onClose).on("error", ignore).destroy();
    };
    let step = "opening it";
    let socket: Socket;
    const end = (error: Error | null): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      this.#opening.delete(end);
      socket.off("error", end).off("close", onClose);
      if (error !== null) socket.on("error", ignore).destroy();
      if (error === null) done(null, socket);
      else done(explained(error), null);
    };
    const onClose = (): void =>
      end(Object.assign(new Error(`the connection was closed while ${step}`), { code: "ECONNRESET" }));
    const timer = setTimeout(
      () => end(new Error(`no connection within ${connectTimeoutMs / 1000} s (while ${step})`)),
      connectTimeoutMs,
    );
    const use = (opened: Socket, ready: "connect" | "secureConnect", next: () => void): void => {
      socket = opened;
      socket.on("error", end).on("close", onClose);
      socket.once(ready, () => {
        if (!over) next();
      });
    };

    const check = (): void => {
      if (!this.#secure || this.#answered) return end(null);
      step = "checking it: the server may reject the client certificate, or require one (tls.cert)";
      const request = `GET ${this.prefix}/ready HTTP/1.1\r\nhost: ${this.host}\r\n\r\n`;
      exchange(socket, request, false, (error, head) => {
        if (error !== undefined || head === undefined) return end(error ?? new Error("nothing came"));
        this.#answered = true;
        if (head.persistent && head.framing !== "to the end") return end(null);
        giveUp();
        giveUp = this.open(done);
      });
    };
    const secure = (tunnel: Socket | undefined): void => {
      if (!this.#secure) return end(null);
      step = "setting up TLS";
      tunnel?.off("error", end).off("close", onClose).on("error", ignore);
      const { serverName, ...pem } = this.#tls;
      const opened = connectTls({
        ...(pem as object),
        host: this.#hostname,
        port: this.#port,
        ...(tunnel === undefined ? {} : { socket: tunnel }),
        servername: serverName ?? (isIP(this.#hostname) === 0 ? this.#hostname : undefined),
        ALPNProtocols: ["http/1.1"],
      });
      if (tunnel !== undefined) opened.once("close", () => tunnel.destroy());
      use(opened, "secureConnect", check);
    };

    if (this.#proxy !== undefined) {
      const proxy = this.#proxy;
      const named = `the proxy ${proxy.hostname}:${proxy.port}`;
      step = `connecting to ${named}`;
      const opened = connectTcp({ host: proxy.hostname, port: proxy.port });
      use(opened, "connect", () => {
        step = `asking ${named} for a tunnel`;
        const target = `${this.#hostname.includes(":") ? `[${this.#hostname}]` : this.#hostname}:${this.#port}`;
        exchange(opened, tunnelRequest(target, proxy), true, (error, head) => {
          if (error !== undefined) return end(error);
          if (head!.status === 200) return secure(opened);
          end(new Error(`${named} answered ${head!.status} to CONNECT ${target}`));
        });
      });
    } else if (this.#secure) {
      secure(undefined);
    } else {
      use(connectTcp({ host: this.#hostname, port: this.#port }), "connect", () => end(null));
    }
    socket!.setNoDelay(true).setKeepAlive(true, keepAliveProbeMs);
    this.#opening.add(end);
    return () => giveUp();
  }

  /** Aborts all attempts to open a connection. */
  close(): void {
    for (const end of [...this.#opening]) end(new Error("the connections to the runner were closed"));
  }
}
