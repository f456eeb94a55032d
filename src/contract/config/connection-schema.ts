/** Checks addresses, ids and connections of runners. Errors never print what may be secret in a value. */
import { either, list, no, oneOf, text } from "../validation/option-checks.ts";
import { type Check, check, object, OptionFault } from "../validation/option-schema.ts";
import type { PoolConfig, TlsOptions, Transport } from "./pool-options.ts";
import { addressFault, runnerIdFault } from "./runner-url.ts";

type Fault = (value: unknown) => string | undefined;

/** Checks a string with `fault`, which returns what is wrong as the rest of a sentence. */
const without = (allowed: string, fault: Fault): Check<string> =>
  check(allowed, (value) => {
    const problem = fault(value);
    if (problem === undefined) return value as string;
    throw new OptionFault("", problem, undefined, typeof value === "string");
  });

/** The address of a runner. */
export const runnerUrl = without('a URL such as "http://127.0.0.1:8080"', addressFault);

/** The id of a runner, of at most so many characters. */
export const runnerIdOf = (maxLength: number): Check<string> =>
  without(`up to ${maxLength} printable ASCII characters without spaces`, (value) => runnerIdFault(value, maxLength));

const pem = (name: string): Check<string | Uint8Array> => {
  const allowed = `the content of the file, not its path: readFileSync("${name}.pem")`;
  return check(allowed, (value) => {
    const content = value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
    if (typeof content === "string" && content.includes("-----BEGIN ")) return value as string | Uint8Array;
    throw new OptionFault("", `is not PEM. Use ${allowed}.`, undefined, !Array.isArray(value));
  });
};

/** How calls are sent to runners. */
export const transport: Check<Transport> = oneOf(["auto", "http", "link"]);

/** TLS to runners. */
const tls = object<TlsOptions>({
  ca: either(pem("ca"), list(pem("ca"), { secret: true })),
  cert: pem("cert"),
  key: pem("key"),
  passphrase: text({ secret: true }),
  serverName: text(),
});

/** How connections to runners are made. `resolveConnection` reads the proxy's address. */
export const connectionFields: {
  readonly tls: Check<TlsOptions>;
  readonly proxy: Check<Exclude<PoolConfig["proxy"], undefined>>;
} = {
  tls,
  proxy: either(
    text({
      allowed:
        'the http:// address of a proxy, such as "http://proxy.internal:3128", "environment" for HTTP_PROXY, HTTPS_PROXY and NO_PROXY',
      secret: true,
    }),
    no(),
  ),
};
