/** Host and port of a runner, for the attributes of spans. */

interface Address {
  readonly serverAddress: string;
  readonly serverPort: number;
}

const addresses = new Map<string, Address>();
const maxAddresses = 10_000;

const parse = (url: string): Address => {
  const { hostname, port, protocol } = new URL(url);
  return { serverAddress: hostname, serverPort: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
};

/** The address in a URL, parsed once per runner. */
export const addressOf = (url: string): Address => {
  let address = addresses.get(url);
  if (address === undefined) {
    if (addresses.size >= maxAddresses) addresses.clear();
    address = parse(url);
    addresses.set(url, address);
  }
  return address;
};
