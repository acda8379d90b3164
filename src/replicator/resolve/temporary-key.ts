// A name for a key that exists only within one transaction: nobody else uses it, and in a cluster it is in the
// slot of the key that it serves.

const SUFFIX = 'atoll:temporary:4f1d9c27';
const SLOTS = 16384;

export function temporaryKeyBeside(key: string): string {
  return `{${tagBeside(key)}}${SUFFIX}`;
}

/** A hash tag in the slot of `key`: what is hashed of it. */
function tagBeside(key: string): string {
  const hashed = hashedPart(key);
  // A tag ends at the first brace: where one is hashed too, another tag of the same slot is searched.
  if (hashed !== '' && !hashed.includes('}')) return hashed;
  const slot = slotOf(hashed);
  for (let n = 0; ; n++) {
    const tag = n.toString(36);
    if (slotOf(tag) === slot) return tag;
  }
}

/** Clusters hash what is between the first brace and the next closing one, if that is something. */
function hashedPart(key: string): string {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

/** CRC-16 (XMODEM) of a latin1 string, modulo the number of slots. */
export function slotOf(hashed: string): number {
  let crc = 0;
  for (let i = 0; i < hashed.length; i++) {
    crc ^= hashed.charCodeAt(i) << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  }
  return (crc & 0xffff) % SLOTS;
}
