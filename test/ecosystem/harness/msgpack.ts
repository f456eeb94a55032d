/** Reads MessagePack, as far as Datadog's agent is sent it. */

/** The value in these bytes. Integers of 64 bits are bigints. */
export const decodeMessagePack = (bytes: Buffer): unknown => {
  let at = 0;
  const uint = (size: 1 | 2 | 4): number => {
    const value = bytes.readUIntBE(at, size);
    at += size;
    return value;
  };
  const text = (length: number): string => bytes.toString("utf8", at, (at += length));
  const list = (length: number): Array<unknown> => Array.from({ length }, value);
  const map = (length: number): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length }, () => [String(value()), value()]));
  const skip = (length: number): undefined => void (at += length);

  function value(): unknown {
    const tag = uint(1);
    if (tag < 0x80) return tag;
    if (tag < 0x90) return map(tag & 0x0f);
    if (tag < 0xa0) return list(tag & 0x0f);
    if (tag < 0xc0) return text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 256;
    switch (tag) {
      case 0xc0:
        return undefined;
      case 0xc2:
      case 0xc3:
        return tag === 0xc3;
      case 0xc4:
        return skip(uint(1));
      case 0xc5:
        return skip(uint(2));
      case 0xc6:
        return skip(uint(4));
      case 0xca:
        return bytes.readFloatBE((at += 4) - 4);
      case 0xcb:
        return bytes.readDoubleBE((at += 8) - 8);
      case 0xcc:
        return uint(1);
      case 0xcd:
        return uint(2);
      case 0xce:
        return uint(4);
      case 0xcf:
        return bytes.readBigUInt64BE((at += 8) - 8);
      case 0xd0:
        return bytes.readInt8((at += 1) - 1);
      case 0xd1:
        return bytes.readInt16BE((at += 2) - 2);
      case 0xd2:
        return bytes.readInt32BE((at += 4) - 4);
      case 0xd3:
        return bytes.readBigInt64BE((at += 8) - 8);
      case 0xd9:
        return text(uint(1));
      case 0xda:
        return text(uint(2));
      case 0xdb:
        return text(uint(4));
      case 0xdc:
        return list(uint(2));
      case 0xdd:
        return list(uint(4));
      case 0xde:
        return map(uint(2));
      case 0xdf:
        return map(uint(4));
      default:
        throw new Error(`MessagePack of the unknown type ${tag} at byte ${at - 1}`);
    }
  }
  return value();
};
