/**
 * How numbers are written in headers and in what is signed. Each has one
 * spelling only, so that what was read can be signed again, byte for byte.
 */
import type { RunnerTimings } from "./envelope.ts";

const largest = 999_999_999_999_999;

/** A whole number from 0 to 15 digits; fractions are rounded up. */
export const wholeText = (value: number): string => String(Math.min(Math.max(Math.ceil(value), 0), largest) || 0);

/** Reads what {@link wholeText} writes; `undefined` for anything else. */
export const readWhole = (text: string): number | undefined =>
  /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined;

const millisText = (value: number): string =>
  String(Math.min(Math.max(Math.round(value * 1000) / 1000, 0), largest) || 0);

const millis = "(0|[1-9]\\d{0,14}|(?:0|[1-9]\\d{0,12})\\.\\d{0,2}[1-9])";
const timingsPattern = new RegExp(
  `^received=${millis};sent=${millis};queue=${millis};handler=${millis};spans=(0|[1-9]\\d{0,14})$`,
);

/** The timings of a response, such as `received=1790000000000;sent=1790000000012.5;queue=0.5;handler=11;spans=2`. */
export const timingsText = (timings: RunnerTimings): string =>
  `received=${millisText(timings.receivedMs)};sent=${millisText(timings.sentMs)};queue=${millisText(timings.queueMs)}` +
  `;handler=${millisText(timings.handlerMs)};spans=${wholeText(timings.spans)}`;

/** Reads what {@link timingsText} writes; `undefined` for anything else. */
export const readTimings = (text: string): RunnerTimings | undefined => {
  const match = text.length <= 256 ? timingsPattern.exec(text) : null;
  if (match === null) return undefined;
  const [, receivedMs, sentMs, queueMs, handlerMs, spans] = match.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { receivedMs, sentMs, queueMs, handlerMs, spans };
};
