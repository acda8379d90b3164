// Bytes as text that can be read, printed on a terminal and typed in again. Text in UTF-8 is shown as it is;
// everything else, also what a terminal would act upon or not show, as \xNN. A backslash is doubled, so
// that every text stands for one string of bytes.

/** Control characters, invisible ones, ones that change the direction of text, and spaces but the plain one. */
const UNSHOWN = /[\p{C}\p{Z}]/u;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([nrt\\]))/y;

/** `latin1`: one character for each byte. */
export function printable(latin1: string): string {
  if (/^[ !-[\]-~]*$/.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    text += length > 1 ? bytes.toString('utf8', at, at + length) : ofByte(bytes[at] as number);
    at += length;
  }
  return text;
}

/** The latin1 string that `printable` would show so; null: a backslash stands where none can. */
export function fromPrintable(text: string): string | null {
  let latin1 = '';
  for (let at = 0; at < text.length; ) {
    if (text[at] !== '\\') {
      const character = String.fromCodePoint(text.codePointAt(at) as number);
      latin1 += latin1Of(character);
      at += character.length;
      continue;
    }
    ESCAPE.lastIndex = at;
    const match = ESCAPE.exec(text);
    if (match === null) return null;
    const [whole, hex, letter = ''] = match;
    latin1 += hex === undefined ? named(letter) : String.fromCharCode(Number.parseInt(hex, 16));
    at += whole.length;
  }
  return latin1;
}

/** Text as the bytes of its UTF-8 form, one character for each. */
export function latin1Of(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** No more than so many bytes, and what was left out. Keeps nothing of a long string alive. */
export function printableStart(latin1: string, bytesMax: number): string {
  if (latin1.length <= bytesMax) return printable(latin1);
  return `${printable(latin1.slice(0, bytesMax))}... (${latin1.length} bytes)`;
}

function ofByte(byte: number): string {
  const character = String.fromCharCode(byte);
  if (character === '\\') return '\\\\';
  if (byte >= 0x20 && byte < 0x7f) return character;
  return ESCAPES[character] ?? `\\x${byte.toString(16).padStart(2, '0')}`;
}

function named(letter: string): string {
  return letter === 'n' ? '\n' : letter === 'r' ? '\r' : letter === 't' ? '\t' : '\\';
}

/** Bytes of the character at `at`, when it is one beyond ASCII that can be shown; else 1. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  if (first < 0xc2) return 1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const sequence = bytes.subarray(at, at + length);
  const character = sequence.toString('utf8');
  // What does not come out the same was no UTF-8.
  const isValid = Buffer.from(character, 'utf8').equals(sequence);
  return isValid && [...character].length === 1 && !UNSHOWN.test(character) ? length : 1;
}
