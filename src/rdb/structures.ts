// What an RDB file consists of, as far as it takes to find where things end: for each type of value and
// each opcode the steps that pass over it. Known are the types that Redis 7.0 to 8.8 and Valkey 7.2 to 9.1
// write, and those of older files that they still read.
//
// A mistake here is not dangerous: it moves boundaries or ends the splitting, it never changes bytes.

/** One thing to pass over. */
export type Step =
  /** A length, or a number in the form of one. */
  | { readonly kind: 'length' }
  | { readonly kind: 'string' }
  | { readonly kind: 'bytes'; readonly count: number }
  /** A score in decimal digits behind a byte with their number. */
  | { readonly kind: 'decimal' }
  /** What a module wrote, up to its end mark: the marks say what follows. */
  | { readonly kind: 'module' }
  /** A length, and so many times the steps. */
  | { readonly kind: 'each'; readonly steps: readonly Step[]; readonly isElement: boolean };

/** A type of value: what follows its type byte and key. */
export interface ValueStructure {
  readonly steps: readonly Step[];
  /** Elements stand in the order of a hash table, which is another one in every process. */
  readonly isUnordered: boolean;
}

const LENGTH: Step = { kind: 'length' };
const STRING: Step = { kind: 'string' };
const MODULE: Step = { kind: 'module' };
const bytes = (count: number): Step => ({ kind: 'bytes', count });
const each = (...steps: Step[]): Step => ({ kind: 'each', steps, isElement: false });
const elements = (...steps: Step[]): Step => ({ kind: 'each', steps, isElement: true });

const TIME = bytes(8);
const STREAM_ID: Step[] = [LENGTH, LENGTH];
const RAW_STREAM_ID = bytes(16);

const ordered = (...steps: Step[]): ValueStructure => ({ steps, isUnordered: false });
const unordered = (...steps: Step[]): ValueStructure => ({ steps, isUnordered: true });

/** Streams as of version 1 to 5 of their form. */
function stream(version: number): ValueStructure {
  const since = (first: number, ...steps: Step[]): Step[] => (version >= first ? steps : []);
  const consumer = [STRING, TIME, ...since(3, TIME), each(RAW_STREAM_ID)];
  const group = [
    STRING,
    ...STREAM_ID,
    ...since(2, LENGTH),
    each(RAW_STREAM_ID, TIME, LENGTH),
    each(...consumer),
    ...since(5, each(RAW_STREAM_ID)),
  ];
  return ordered(
    elements(STRING, STRING),
    LENGTH,
    ...STREAM_ID,
    ...since(2, ...STREAM_ID, ...STREAM_ID, LENGTH),
    each(...group),
    ...since(4, LENGTH, LENGTH, each(STRING, each(STRING, ...STREAM_ID)), LENGTH, LENGTH),
  );
}

const COMMON: readonly (readonly [type: number, structure: ValueStructure])[] = [
  [0, ordered(STRING)],
  [1, ordered(elements(STRING))],
  [2, unordered(elements(STRING))],
  [3, ordered(elements(STRING, { kind: 'decimal' }))],
  [4, unordered(elements(STRING, STRING))],
  [5, ordered(elements(STRING, bytes(8)))],
  [7, ordered(LENGTH, MODULE)],
  // Packed forms: zipmap, ziplists, intset, listpacks.
  ...[9, 10, 11, 12, 13, 16, 17, 20].map((type) => [type, ordered(STRING)] as const),
  [14, ordered(elements(STRING))],
  [15, stream(1)],
  [18, ordered(elements(LENGTH, STRING))],
  [19, stream(2)],
  [21, stream(3)],
];

/** Values of files that begin with REDIS. */
export const REDIS_VALUES: ReadonlyMap<number, ValueStructure> = new Map([
  ...COMMON,
  // Hashes whose fields expire, before and since Redis 7.4.0.
  [22, unordered(elements(LENGTH, STRING, STRING))],
  [23, ordered(STRING)],
  [24, unordered(TIME, elements(LENGTH, STRING, STRING))],
  [25, ordered(TIME, STRING)],
  // Redis 8.6 and 8.8: producers that repeat themselves, entries that were handed back.
  [26, stream(4)],
  [27, stream(5)],
]);

/** Values of files that begin with VALKEY, which is from Valkey 9.0 on. */
export const VALKEY_VALUES: ReadonlyMap<number, ValueStructure> = new Map([
  ...COMMON,
  [22, unordered(elements(STRING, STRING, TIME))],
]);

export const END_OF_FILE = 255;

/** What follows an opcode. END_OF_FILE is not among them. */
const COMMON_OPCODES: readonly (readonly [opcode: number, steps: readonly Step[]])[] = [
  // Of the keys of a slot.
  [244, [LENGTH, LENGTH, LENGTH]],
  // A library of functions.
  [245, [STRING]],
  // Of a module: its id, when it was written, and what.
  [247, [LENGTH, LENGTH, LENGTH, MODULE]],
  // Of the key that follows: idle time, frequency.
  [248, [LENGTH]],
  [249, [bytes(1)]],
  // A fact about the file.
  [250, [STRING, STRING]],
  // How many keys a database has, and how many of them expire.
  [251, [LENGTH, LENGTH]],
  // Of the key that follows: its expiry, in ms and in s.
  [252, [TIME]],
  [253, [bytes(4)]],
  // The database of the keys that follow.
  [254, [LENGTH]],
];

export const REDIS_OPCODES: ReadonlyMap<number, readonly Step[]> = new Map([
  ...COMMON_OPCODES,
  // Redis 8.6: what modules attach to the key that follows.
  [243, [each(bytes(4), MODULE)]],
]);

export const VALKEY_OPCODES: ReadonlyMap<number, readonly Step[]> = new Map(COMMON_OPCODES);
