/** Certificates for tests, created by `certificates/make.sh` and valid until 2126. */
import { readFileSync } from "node:fs";

type CertificateFile =
  | "authority"
  | "other-authority"
  | "server"
  | "server-key"
  | "elsewhere"
  | "elsewhere-key"
  | "client"
  | "client-key"
  | "stranger"
  | "stranger-key";

/** The PEM in a file of `certificates/`. */
export const pemOf = (name: CertificateFile): string =>
  readFileSync(new URL(`./certificates/${name}.pem`, import.meta.url), "utf8");
