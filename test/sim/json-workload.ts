// What clients of a simulated world do with JSON documents: few names and short paths, so that regions meet.

import type { Random } from './random.ts';

const name = (random: Random): string => random.pick(['a', 'b']);
const index = (random: Random): string => String(random.below(6) - 3);

function path(random: Random): string {
  const [first, second, at] = [name(random), name(random), index(random)];
  return random.pick([
    '$',
    `$.${first}`,
    `$.${first}`,
    `.${first}.${second}`,
    `$.${first}[${at}]`,
    `$["${first}"][${at}].${second}`,
  ]);
}

/** Wildcards too, for commands that may have them. */
function anyPath(random: Random): string {
  return random.chance(0.08) ? random.pick(['$.*', '$.a[*]', '$.*.a']) : path(random);
}

const VALUES = ['1', '7', '0.5', '"x"', 'true', '{}', '[]', '{"a":1}', '[1,2]'];
const value = (random: Random): string => random.pick(VALUES);
const nested = (random: Random): string =>
  random.pick([
    '{"a":[1,2],"b":{"a":1}}',
    '{"a":[{"a":1},[3]],"b":5}',
    '{"a":{"a":0.5,"b":[]},"b":[{"a":1,"b":"s"}]}',
  ]);
const patch = (random: Random): string =>
  random.pick(['{"a":null}', '{"a":{"b":2}}', '{"b":{"a":null,"b":1}}', '{"b":[7]}', '5']);

type Writer = (key: string, random: Random) => string[];

export const JSON_WRITERS: Writer[] = [
  (key, r) => ['JSON.SET', key, '$', nested(r)],
  (key, r) => ['JSON.SET', key, '$', nested(r), 'NX'],
  (key, r) => ['JSON.SET', key, anyPath(r), value(r)],
  (key, r) => ['JSON.SET', key, path(r), value(r)],
  (key, r) => ['JSON.SET', key, path(r), value(r), r.pick(['NX', 'XX'])],
  (key, r) => ['JSON.MSET', key, `$.${name(r)}`, value(r), key, `$.${name(r)}`, value(r)],
  (key, r) => ['JSON.DEL', key, anyPath(r)],
  (key, r) => ['JSON.NUMINCRBY', key, anyPath(r), r.pick(['1', '-3', '0.25'])],
  (key, r) => ['JSON.NUMINCRBY', key, `$.${name(r)}`, '2'],
  (key, r) => ['JSON.NUMMULTBY', key, path(r), r.pick(['2', '0.5'])],
  (key, r) => ['JSON.STRAPPEND', key, path(r), '"y"'],
  (key, r) => ['JSON.TOGGLE', key, path(r)],
  (key, r) => ['JSON.CLEAR', key, anyPath(r)],
  (key, r) => ['JSON.MERGE', key, path(r), patch(r)],
  (key, r) => ['JSON.ARRAPPEND', key, anyPath(r), value(r), value(r)],
  (key, r) => ['JSON.ARRAPPEND', key, `$.${name(r)}`, value(r)],
  (key, r) => ['JSON.ARRINSERT', key, path(r), index(r), value(r)],
  (key, r) => ['JSON.ARRINSERT', key, `$.${name(r)}`, String(r.below(3)), value(r), value(r)],
  (key, r) => ['JSON.ARRPOP', key, path(r), index(r)],
  (key, r) => ['JSON.ARRPOP', key, `$.${name(r)}`],
  (key, r) => ['JSON.ARRTRIM', key, path(r), String(r.below(2)), index(r)],
];

/** A document that is there from the beginning, in which numbers are only added to and elements only appended. */
export class OnlyAdded {
  readonly key = 'only-json';
  readonly document = '{"n":0,"l":[]}';
  sum = 0;
  /** Takes back what the last write promised. */
  forgetLast: () => void = () => {};
  readonly appended = new Set<string>();

  next(random: Random, unique: number): string[] {
    if (random.chance(0.5)) {
      const by = random.below(9) - 3;
      this.sum += by;
      this.forgetLast = () => {
        this.sum -= by;
      };
      return ['JSON.NUMINCRBY', this.key, '$.n', String(by)];
    }
    this.appended.add(`u${unique}`);
    this.forgetLast = () => this.appended.delete(`u${unique}`);
    return ['JSON.ARRAPPEND', this.key, '$.l', `"u${unique}"`];
  }

  /** What is wrong with the document; undefined: nothing. */
  fault(text: string | undefined): string | undefined {
    const { n, l } = JSON.parse(text ?? '{"l":[]}') as { n?: number; l: string[] };
    if (n !== this.sum) return `${this.key} shows ${n}, ${this.sum} was added`;
    const isWhole = l.length === this.appended.size && l.every((one) => this.appended.has(one));
    return isWhole ? undefined : `${this.key} has ${l}, ${[...this.appended]} was appended`;
  }
}
