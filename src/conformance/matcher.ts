// What a case expects of a reply, and whether a reply is that.
//
// An expectation is the reply as JSON (status and bulk strings alike), or one of the matchers below. Arrays
// may hold matchers.

import { isDeepStrictEqual } from 'node:util';

/** A RESP reply as JSON; errors are objects. */
export type JsonReply = string | number | null | readonly JsonReply[] | { readonly error: string };

/** As a file of cases has it; checked by `invalidExpectation`. */
export type Expectation = unknown;

type Matcher =
  | { readonly kind: 'literal'; readonly value: string | number | null }
  | { readonly kind: 'array'; readonly items: readonly Matcher[] }
  /** The elements in any order. */
  | { readonly kind: 'set'; readonly items: readonly unknown[] }
  | { readonly kind: 'oneOf'; readonly choices: readonly Matcher[] }
  /** Anything, but the same in every region. */
  | { readonly kind: 'sameEverywhere' }
  | { readonly kind: 'range'; readonly low: number; readonly high: number }
  /** The same number, however it is printed. */
  | { readonly kind: 'number'; readonly value: number }
  /** An error that begins with this. */
  | { readonly kind: 'error'; readonly prefix: string }
  /** JSON text of this value, or of an array with it alone. */
  | { readonly kind: 'json'; readonly value: unknown };

const TOLERANCE = 1e-9;

/** Why `expectation` is none; undefined if it is one. */
export function invalidExpectation(expectation: Expectation): string | undefined {
  const matcher = matcherOf(expectation);
  return typeof matcher === 'string' ? matcher : undefined;
}

/** Whether `reply` is what is expected. */
export function matches(expectation: Expectation, reply: JsonReply): boolean {
  const matcher = matcherOf(expectation);
  return typeof matcher !== 'string' && accepts(matcher, reply);
}

/** Whether two regions that answered these agree, as far as the expectation compares regions. */
export function agree(expectation: Expectation, a: JsonReply, b: JsonReply): boolean {
  const matcher = matcherOf(expectation);
  if (typeof matcher === 'string' || matcher.kind === 'range') return true;
  if (matcher.kind === 'set') return isDeepStrictEqual(sorted(a), sorted(b));
  if (matcher.kind === 'number') return Math.abs(Number(a) - Number(b)) <= TOLERANCE;
  if (matcher.kind === 'json') return isDeepStrictEqual(parsedJson(a), parsedJson(b));
  return isDeepStrictEqual(a, b);
}

function accepts(matcher: Matcher, reply: JsonReply): boolean {
  switch (matcher.kind) {
    case 'literal':
      return matcher.value === reply;
    case 'array':
      return (
        Array.isArray(reply) &&
        reply.length === matcher.items.length &&
        matcher.items.every((item, index) => accepts(item, reply[index]))
      );
    case 'set':
      return Array.isArray(reply) && isDeepStrictEqual(sorted(reply), sorted(matcher.items));
    case 'oneOf':
      return matcher.choices.some((choice) => accepts(choice, reply));
    case 'sameEverywhere':
      return true;
    case 'range':
      return isNumeric(reply) && Number(reply) >= matcher.low && Number(reply) <= matcher.high;
    case 'number':
      return isNumeric(reply) && Math.abs(Number(reply) - matcher.value) <= TOLERANCE;
    case 'error':
      return isError(reply) && reply.error.startsWith(matcher.prefix);
    case 'json': {
      const value = parsedJson(reply);
      return isDeepStrictEqual(value, matcher.value) || isDeepStrictEqual(value, [matcher.value]);
    }
  }
}

/** The matcher that `expectation` describes, or what is wrong with it. */
function matcherOf(expectation: Expectation): Matcher | string {
  if (expectation === null || typeof expectation === 'string' || typeof expectation === 'number') {
    return { kind: 'literal', value: expectation };
  }
  if (Array.isArray(expectation)) {
    const items = matchersOf(expectation);
    return typeof items === 'string' ? items : { kind: 'array', items };
  }
  if (typeof expectation !== 'object' || expectation === undefined) {
    return `a ${typeof expectation} is no reply`;
  }
  const entries = Object.entries(expectation);
  const [name, value] = entries[0] ?? [];
  if (entries.length !== 1 || name === undefined) return 'a matcher has exactly one field';
  return namedMatcher(name, value);
}

function namedMatcher(name: string, value: unknown): Matcher | string {
  switch (name) {
    case 'set':
      return Array.isArray(value) ? { kind: 'set', items: value } : 'set: not an array';
    case 'oneOf': {
      const choices = Array.isArray(value) ? matchersOf(value) : 'not an array';
      return typeof choices === 'string' ? `oneOf: ${choices}` : { kind: 'oneOf', choices };
    }
    case 'sameEverywhere':
      return value === true ? { kind: 'sameEverywhere' } : 'sameEverywhere: not true';
    case 'range': {
      const [low, high] = Array.isArray(value) ? value : [];
      if (typeof low !== 'number' || typeof high !== 'number') return 'range: not [low, high]';
      return { kind: 'range', low, high };
    }
    case 'num':
      return typeof value === 'number' ? { kind: 'number', value } : 'num: not a number';
    case 'error':
      if (value === true) return { kind: 'error', prefix: '' };
      return typeof value === 'string'
        ? { kind: 'error', prefix: value }
        : 'error: neither true nor a prefix';
    case 'json':
      return { kind: 'json', value };
    default:
      return `no matcher is called ${name}`;
  }
}

function matchersOf(expectations: readonly unknown[]): Matcher[] | string {
  const matchers: Matcher[] = [];
  for (const expectation of expectations) {
    const matcher = matcherOf(expectation);
    if (typeof matcher === 'string') return matcher;
    matchers.push(matcher);
  }
  return matchers;
}

function isError(reply: JsonReply): reply is { readonly error: string } {
  return typeof reply === 'object' && reply !== null && 'error' in reply;
}

function isNumeric(reply: JsonReply): reply is string | number {
  if (typeof reply === 'number') return true;
  return typeof reply === 'string' && reply !== '' && !Number.isNaN(Number(reply));
}

/** Elements in the order of their JSON text. Anything but an array stays as it is. */
function sorted(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item) => JSON.stringify(item)).sort();
}

function parsedJson(reply: JsonReply): unknown {
  if (typeof reply !== 'string') return reply;
  try {
    return JSON.parse(reply);
  } catch {
    return undefined;
  }
}
