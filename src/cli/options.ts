/** Parses the options of a command and reports errors in one sentence. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { addressFault, normalAddress, shownAddress } from "../contract/config/runner-url.ts";
import { UsageError } from "./errors.ts";

type OptionsConfig = NonNullable<ParseArgsConfig["options"]>;

interface Shape<Options extends OptionsConfig> {
  readonly args: Array<string>;
  readonly options: Options;
  readonly allowPositionals: true;
}

/**
 * Parses the options and positional arguments of a command line.
 *
 * @throws {UsageError} for unknown options and missing values
 */
export const readOptions = <const Options extends OptionsConfig>(
  args: ReadonlyArray<string>,
  options: Options,
): ReturnType<typeof parseArgs<Shape<Options>>> => {
  try {
    return parseArgs<Shape<Options>>({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const [sentence = ""] = (error as Error).message.split(/(?<=\.)\s/, 1);
    throw new UsageError(sentence);
  }
};

/**
 * Returns a base address without a trailing slash.
 *
 * @throws {UsageError} if it is invalid, naming the option
 */
export const readAddress = (option: string, text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new UsageError(`${option} is ${shownAddress(text)}. Give it an address such as http://127.0.0.1:8080.`);
  return text.replace(/\/+$/, "");
};

/**
 * Returns the base address of a runner in its normal form.
 *
 * @throws {UsageError} if it is invalid, naming the option
 */
export const readRunnerAddress = (option: string, text: string): string => {
  const fault = addressFault(text);
  if (fault !== undefined) throw new UsageError(`${option} ${fault}`);
  return normalAddress(text);
};
