/**
 * Reads and writes trace context headers: W3C Trace Context level 2 and W3C Baggage. Strict in what it accepts, bounded
 * in what it sends. Pure.
 */

/** The fields of a `traceparent`. */
export interface Traceparent {
  /** 32 lowercase hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lowercase hex digits, not all zero. */
  readonly spanId: string;
  /** Bit 0: sampled. Bit 1: the trace id is random. Bits that level 2 does not define are cleared. */
  readonly flags: number;
}

/** One baggage entry. */
export interface BaggageMember {
  readonly key: string;
  /** Decoded. */
  readonly value: string;
  /** Properties: the raw text after the first semicolon. */
  readonly metadata?: string;
}

const knownFlags = 0b11;
const versionPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const traceparentLength = 55;

/**
 * Parses a `traceparent`. Versions after 00 are read like 00 and may have more fields after the flags. Returns
 * `undefined` for anything that the specification does not allow; a new trace starts then.
 */
export const parseTraceparent = (value: string | undefined): Traceparent | undefined => {
  if (value === undefined || value.length < traceparentLength) return undefined;
  if (value.length > traceparentLength && (value.startsWith("00") || value[traceparentLength] !== "-"))
    return undefined;
  const known = value.slice(0, traceparentLength);
  if (!versionPattern.test(known)) return undefined;
  return {
    traceId: known.slice(3, 35),
    spanId: known.slice(36, 52),
    flags: Number.parseInt(known.slice(53), 16) & knownFlags,
  };
};

/** Formats a `traceparent` of version 00; `undefined` if an id is invalid. */
export const formatTraceparent = ({ traceId, spanId, flags }: Traceparent): string | undefined => {
  const value = `00-${traceId}-${spanId}-0${flags & knownFlags}`;
  return value.length === traceparentLength && versionPattern.test(value) ? value : undefined;
};

const maxTracestateLength = 512;
const maxTracestateMembers = 32;
const tracestateMember =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
/** Members longer than this are dropped first when a tracestate does not fit. */
const longMember = 128;
/** Longer tracestate values cannot be trimmed to the bound and are ignored. */
const maxTracestateInput = 8192;

/**
 * Trims a `tracestate` to at most 32 members and 512 characters. As the specification says, members over 128 characters
 * are dropped first, then members from the end. `undefined` if a member is malformed or nothing is left.
 */
export const boundTracestate = (value: string | undefined): string | undefined => {
  if (value === undefined || value.length > maxTracestateInput) return undefined;
  let members = value
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
  if (!members.every((member) => tracestateMember.test(member))) return undefined;
  if (new Set(members.map((member) => member.slice(0, member.indexOf("=")))).size !== members.length) return undefined;
  members = members.slice(0, maxTracestateMembers);
  let length = members.reduce((sum, member) => sum + member.length + 1, -1);
  for (let index = members.length - 1; index >= 0 && length > maxTracestateLength; index--) {
    const member = members[index]!;
    if (member.length <= longMember) continue;
    members.splice(index, 1);
    length -= member.length + 1;
  }
  while (length > maxTracestateLength) length -= members.pop()!.length + 1;
  return members.length === 0 ? undefined : members.join(",");
};

const maxBaggageBytes = 8192;
const maxBaggageMembers = 64;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const baggageValue = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;
/** Cannot be encoded as UTF-8. */
const loneSurrogate = /\p{Surrogate}/gu;
const baggageProperties = /^[\x20-\x2b\x2d-\x7e]*$/;

/**
 * Formats a `baggage` header from the members whose key is in `allowed`; without `allowed`, from all members. Values
 * are percent-encoded. A member is dropped as a whole if it exceeds 64 members or 8192 bytes, or if its key is not a
 * token. `undefined` if nothing is left.
 */
export const formatBaggage = (members: Iterable<BaggageMember>, allowed?: ReadonlySet<string>): string | undefined => {
  let header = "";
  let count = 0;
  for (const { key, value, metadata } of members) {
    if (count === maxBaggageMembers) break;
    if (allowed?.has(key) === false || !token.test(key)) continue;
    const properties =
      metadata === undefined || metadata === "" || !baggageProperties.test(metadata) ? "" : `;${metadata}`;
    const member = `${key}=${encodeURIComponent(value.replace(loneSurrogate, "\ufffd"))}${properties}`;
    const longer = count === 0 ? member : `${header},${member}`;
    if (longer.length > maxBaggageBytes) continue;
    header = longer;
    count++;
  }
  return count === 0 ? undefined : header;
};

const parseMember = (member: string): BaggageMember | undefined => {
  const semicolon = member.indexOf(";");
  const pair = semicolon === -1 ? member : member.slice(0, semicolon);
  const equals = pair.indexOf("=");
  if (equals === -1) return undefined;
  const key = pair.slice(0, equals).trim();
  const encoded = pair.slice(equals + 1).trim();
  if (!token.test(key) || !baggageValue.test(encoded)) return undefined;
  let value: string;
  try {
    value = decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
  const metadata = semicolon === -1 ? "" : member.slice(semicolon + 1).trim();
  return metadata === "" || !baggageProperties.test(metadata) ? { key, value } : { key, value, metadata };
};

/**
 * Parses a `baggage` header: at most 64 members within the first 8192 bytes. Malformed members are dropped; of members
 * with the same key, the last one wins.
 */
export const parseBaggage = (header: string | undefined): ReadonlyArray<BaggageMember> => {
  if (header === undefined) return [];
  const whole =
    header.length <= maxBaggageBytes ? header : header.slice(0, Math.max(0, header.lastIndexOf(",", maxBaggageBytes)));
  const members = new Map<string, BaggageMember>();
  for (const text of whole.split(",", maxBaggageMembers)) {
    const member = parseMember(text);
    if (member !== undefined) members.set(member.key, member);
  }
  return [...members.values()];
};
