/** Host and port of a runner, for the attributes of spans. */

export interface Address {
  readonly serverAddress: string;
  readonly serverPort: number;
}

/** The host and port in a URL. */
export const addressOf = (url: string): Address => {
  const { hostname, port, protocol } = new URL(url);
  return { serverAddress: hostname, serverPort: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
};
