// JSON texts cut into their parts, without looking deeper than asked for: what is not touched by an op stays the
// text that it is, so that numbers keep their digits. Texts are latin1 strings of UTF-8 bytes; an engine has
// checked each of them. Pure.

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'literal';

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

export function kindOf(text: string): JsonKind {
  switch (text.charCodeAt(skipSpace(text, 0))) {
    case OPEN_BRACE:
      return 'object';
    case OPEN_BRACKET:
      return 'array';
    case QUOTE:
      return 'string';
    case 102: // false
    case 110: // null
    case 116: // true
      return 'literal';
    default:
      return 'number';
  }
}

/** The members of an object: the names as bytes, the values as texts. Of two with one name the last counts. */
export function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACE) {
    const nameEnd = skipString(text, at);
    const name = unquote(text.slice(at, nameEnd));
    at = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = skipValue(text, at);
    members.set(name, text.slice(at, end).trimEnd());
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return members;
}

/** The elements of an array, as texts. */
export function elementsOf(text: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = skipValue(text, at);
    elements.push(text.slice(at, end).trimEnd());
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  return elements;
}

/** The bytes that a JSON string stands for. */
export function unquote(text: string): string {
  const inner = text.slice(1, -1);
  if (!inner.includes('\\')) return inner;
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'latin1').toString('utf8'));
    return typeof value === 'string' ? Buffer.from(value, 'utf8').latin1Slice() : inner;
  } catch {
    return inner;
  }
}

/** A name as a JSON string. */
export function quote(name: string): string {
  const plain = Buffer.from(name, 'latin1').toString('utf8');
  return Buffer.from(JSON.stringify(plain), 'utf8').latin1Slice();
}

/** Whether two texts say the same, whatever the order of members and the space in between. */
export function isSameJson(a: string, b: string): boolean {
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return false;
  if (kind === 'array') {
    const [left, right] = [elementsOf(a), elementsOf(b)];
    return left.length === right.length && left.every((e, i) => isSameJson(e, right[i] as string));
  }
  if (kind === 'object') {
    const [left, right] = [membersOf(a), membersOf(b)];
    if (left.size !== right.size) return false;
    return [...left].every(([name, text]) => {
      const other = right.get(name);
      return other !== undefined && isSameJson(text, other);
    });
  }
  if (kind === 'number') return Number(a) === Number(b);
  return kind === 'string' ? unquote(a.trim()) === unquote(b.trim()) : a.trim() === b.trim();
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return at;
}

/** Behind the string that begins here. */
function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) {
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  }
  return at + 1;
}

/** Behind the value that begins here; space may be behind it. */
function skipValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth--;
    } else if ((code === COMMA || code === COLON) && depth === 0) return at;
    at++;
  }
  return at;
}
