/** Reads the options of a command, and says in one sentence what is wrong with them. */
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
 * The options and positional arguments of a command line.
 *
 * @throws {UsageError} for options that the command does not have, or that lack a value.
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
 * A base address, without a slash at its end.
 *
 * @throws {UsageError} naming the option.
 */
export const readAddress = (option: string, text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw new UsageError(`${option} is ${shownAddress(text)}. Give it an address such as http://127.0.0.1:8080.`);
  return text.replace(/\/+$/, "");
};

/**
 * The base address of a runner, in its normal form.
 *
 * @throws {UsageError} naming the option.
 */
export const readRunnerAddress = (option: string, text: string): string => {
  const fault = addressFault(text);
  if (fault !== undefined) throw new UsageError(`${option} ${fault}`);
  return normalAddress(text);
};
