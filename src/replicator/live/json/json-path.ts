// Paths into a JSON document that name one place: `$.a["b c"][0]`, and the older form `.a[0]`. What may name
// several places (wildcards, filters, slices, unions, descent) is no path here. Pure.

/** A member's name, as bytes, or the index of an element; a negative index counts from the end. */
export type Step = string | number;

export type Path = readonly Step[];

/** Undefined: it may name several places, or is not understood. */
export function parsePath(text: string): Step[] | undefined {
  if (text === '.' || text === '$') return [];
  const isNew = text.startsWith('$');
  // In the older form the first dot may be left out.
  const rest = isNew ? text.slice(1) : /^[.[]/.test(text) ? text : `.${text}`;
  const steps: Step[] = [];
  let at = 0;
  while (at < rest.length) {
    const parsed = rest[at] === '.' ? parseName(rest, at) : parseBracket(rest, at);
    if (parsed === undefined) return undefined;
    steps.push(parsed.step);
    at = parsed.end;
  }
  return steps;
}

interface ParsedStep {
  readonly step: Step;
  readonly end: number;
}

function parseName(text: string, dotAt: number): ParsedStep | undefined {
  // `.["a"]`, as some write it.
  if (text[dotAt + 1] === '[') return parseBracket(text, dotAt + 1);
  let end = dotAt + 1;
  while (end < text.length && text[end] !== '.' && text[end] !== '[') end++;
  const step = text.slice(dotAt + 1, end);
  return /^$|[*?()@,:\s'"]/.test(step) ? undefined : { step, end };
}

const BRACKET = /\[\s*(?:(-?\d+)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\]/y;

function parseBracket(text: string, at: number): ParsedStep | undefined {
  BRACKET.lastIndex = at;
  const match = BRACKET.exec(text);
  if (match === null) return undefined;
  const [, index, double, single] = match;
  const end = BRACKET.lastIndex;
  if (index !== undefined) return { step: Number(index), end };
  const step = unescaped(double ?? single ?? '');
  return step === undefined ? undefined : { step, end };
}

/** Undefined for escapes that not every engine reads alike. */
function unescaped(text: string): string | undefined {
  if (/\\[^"'\\]/.test(text)) return undefined;
  return text.replace(/\\(.)/g, '$1');
}

/** Whether one path leads through the other, or is the same. */
export function isWithin(inner: Path, outer: Path): boolean {
  return inner.length >= outer.length && outer.every((step, i) => inner[i] === step);
}

/** The same, for paths whose elements of arrays may be counted from either end: then it cannot be told. */
export function mayBeWithin(inner: Path, outer: Path): boolean {
  const isSame = (a: Step | undefined, b: Step) =>
    a === b || (typeof a === 'number' && typeof b === 'number');
  return inner.length >= outer.length && outer.every((step, i) => isSame(inner[i], step));
}

/** As every engine reads it back; undefined: a name cannot be written so. */
export function renderPath(path: Path): string | undefined {
  let text = '$';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(step)) text += `.${step}`;
    else if (!/["\\\p{Cc}]/u.test(withoutHighBytes(step))) text += `["${step}"]`;
    else if (!/['\\\p{Cc}]/u.test(withoutHighBytes(step))) text += `['${step}']`;
    else return undefined;
  }
  return text;
}

/** Bytes beyond ASCII are parts of characters here, not control characters. */
function withoutHighBytes(text: string): string {
  return text.replace(/[\x80-\xff]/g, '');
}
