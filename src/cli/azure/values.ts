// Values of arguments in the forms that published command lines take: `name=value` pairs, JSON, and the shorthand
// `{name:value,list:[a,b]}`. What does not fit is wrong usage.

import { InvalidArgumentError } from 'commander';
import { isObject, type Json, type JsonObject } from './json.ts';

/** `a=1`, then `b=2`: pairs that become one object. */
export function pair(text: string, earlier: Readonly<Record<string, string>> = {}) {
  const split = text.indexOf('=');
  if (split < 1 && text !== '') {
    throw new InvalidArgumentError(`"${text}" is not of the form NAME=VALUE.`);
  }
  return text === '' ? earlier : { ...earlier, [text.slice(0, split)]: text.slice(split + 1) };
}

/** An option that may have several values, and may come several times. */
export function several(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, ...listIn(text)];
}

/**
 * Reads a list of objects, one value after the other. `first` is the name with which an object begins; a value that
 * is no pair stands for it alone.
 */
export function objects(first: string, names: readonly string[]) {
  const take = (text: string, earlier: readonly JsonObject[] = []): readonly JsonObject[] => {
    if (/^\s*[[{]/.test(text)) {
      const value = shorthand(text);
      const all = Array.isArray(value) ? value : [value];
      return [...earlier, ...all.map((one) => known(one))];
    }
    const [, name, value = ''] = /^([A-Za-z-]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) return [...earlier, { [first]: text }];
    const given = known({ [name]: value });
    const last = earlier.at(-1);
    if (name === first || last === undefined) return [...earlier, given];
    return [...earlier.slice(0, -1), { ...last, ...given }];
  };
  const known = (value: Json): JsonObject => {
    if (typeof value === 'string') return { [first]: value };
    const wrong = isObject(value) ? Object.keys(value).find((name) => !names.includes(name)) : '';
    if (isObject(value) && wrong === undefined) return value;
    throw new InvalidArgumentError(`It must be ${first}=...; known are ${names.join(', ')}.`);
  };
  return take;
}

/** One object of so many names, with `true` and `false` as such: `aof-enabled=true aof-frequency=1s`. */
export function settings(names: readonly string[]) {
  return (text: string, earlier: JsonObject = {}): JsonObject => {
    const given = /^\s*\{/.test(text) ? shorthand(text) : { ...pair(text) };
    if (!isObject(given)) throw new InvalidArgumentError('It must be NAME=VALUE.');
    const entries = Object.entries(given).map(([name, value]) => {
      const own = camelCase(name);
      if (!names.includes(own)) {
        throw new InvalidArgumentError(`${name} is none of ${names.map(hyphenated).join(', ')}.`);
      }
      return [own, value === 'true' ? true : value === 'false' ? false : value] as const;
    });
    return { ...earlier, ...Object.fromEntries(entries) };
  };
}

export function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function hyphenated(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function listIn(text: string): string[] {
  if (!/^\s*\[/.test(text)) return [text];
  const value = shorthand(text);
  return Array.isArray(value) ? value.map(String) : [text];
}

/** JSON, or the shorthand for it. */
export function shorthand(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return new Shorthand(text).whole();
  }
}

class Shorthand {
  readonly #text: string;
  #place = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Json {
    const value = this.#value(0);
    if (this.#peek() !== '') throw this.#wrong();
    return value;
  }

  #value(depth: number): Json {
    if (depth > 10) throw this.#wrong();
    if (this.#took('[')) return this.#many(']', () => this.#value(depth + 1));
    if (!this.#took('{')) return this.#plain(/[^,[\]{}]*/y);
    const entries = this.#many('}', () => {
      const name = this.#plain(/[^:,[\]{}]*/y);
      if (!this.#took(':')) throw this.#wrong();
      return [name, this.#value(depth + 1)] as const;
    });
    return Object.fromEntries(entries);
  }

  #many<T>(end: string, one: () => T): T[] {
    const found: T[] = [];
    while (!this.#took(end)) {
      if (found.length > 0 && !this.#took(',')) throw this.#wrong();
      found.push(one());
    }
    return found;
  }

  #plain(shape: RegExp): string {
    this.#peek();
    const inQuotes = /'([^']*)'/y;
    inQuotes.lastIndex = this.#place;
    const quoted = inQuotes.exec(this.#text);
    shape.lastIndex = this.#place;
    const found = quoted ?? shape.exec(this.#text);
    const value = (quoted?.[1] ?? found?.[0] ?? '').trim();
    if (found === null || (value === '' && quoted === null)) throw this.#wrong();
    this.#place += found[0].length;
    return value;
  }

  #took(sign: string): boolean {
    if (this.#peek() !== sign) return false;
    this.#place += 1;
    return true;
  }

  #peek(): string {
    while (/\s/.test(this.#text[this.#place] ?? '')) this.#place += 1;
    return this.#text[this.#place] ?? '';
  }

  #wrong(): InvalidArgumentError {
    const around = this.#text.slice(Math.max(0, this.#place - 10), this.#place + 10);
    return new InvalidArgumentError(`It is neither JSON nor shorthand, near "${around}".`);
  }
}
