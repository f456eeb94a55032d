/** Estimates from a scan of its bytes how long the runtime's parser and the checks after it take for a message. */

/** Up to this size, every message is fast. */
const alwaysQuickBytes = 64 * 1024;

/** From this size on, even plain text takes long enough to pause. */
const neverQuickBytes = 1024 * 1024;

/** Costs in nanoseconds on a machine of 2025, rounded up. A new key may be the path of an annotation. */
const cost = { byte: 4, container: 100, value: 30, key: 60, newKey: 3_500 } as const;

/** Maximum time for reading a message without pauses, in nanoseconds. */
const budget = 15_000_000;

const keyTableSize = 1_024;

/** Whether a message can be read without pauses within a few milliseconds, as almost all can. */
export const isQuickToRead = (bytes: Uint8Array): boolean => {
  const { byteLength } = bytes;
  if (byteLength <= alwaysQuickBytes) return true;
  if (byteLength > neverQuickBytes) return false;
  const seenKeys = new Int32Array(keyTableSize);
  let left = budget - byteLength * cost.byte;
  let hash = 0;
  let escaped = false;
  for (let at = 0; at < byteLength && left > 0; at++) {
    switch (bytes[at]) {
      case 0x22:
        hash = 0;
        escaped = false;
        for (let byte = bytes[++at]; byte !== 0x22 && at < byteLength; byte = bytes[++at]) {
          if (byte === 0x5c) {
            escaped = true;
            at++;
          }
          hash = (Math.imul(hash, 31) + byte!) | 0;
        }
        break;
      case 0x5b:
      case 0x7b:
        left -= cost.container;
        break;
      case 0x2c:
        left -= cost.value;
        break;
      case 0x3a: {
        // Keys with escapes may be read twice: see parse-json.ts.
        if (escaped) return false;
        const place = (hash >>> 0) % keyTableSize;
        left -= seenKeys[place] === hash ? cost.key : cost.newKey;
        seenKeys[place] = hash;
        break;
      }
      default:
    }
  }
  return left > 0;
};
