// What one engine shows of one key. Reads only; a large value is read in pages, and beyond a limit not at all.
//
// Type, length and expiry are read in one transaction. Pages are not: while a key is being written, what is
// said of its value may be of two moments.

import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { canonicalJson } from './json-content.ts';

export interface KeyReading {
  /** `none`: there is no such key. */
  readonly type: string;
  /** Bytes of a string, elements of anything else; null: not known for this type. */
  readonly length: number | null;
  readonly encoding: string | null;
  readonly memoryBytes: number | null;
  /** ms since the epoch; null: it does not expire. */
  readonly expiresAtMs: number | null;
  /** By the engine's clock. */
  readonly expiresInMs: number | null;
  /** The beginning of a string or a document, or the first elements of anything else, each with its parts; latin1. */
  readonly first: readonly Element[];
  /** Equal for equal values, however they are encoded; null: too large to be read. */
  readonly digest: string | null;
}

/** Parts of an element: a member; a field and its value; a member and its score; an id, fields and values. */
export type Element = readonly string[];

export const ABSENT: KeyReading = {
  type: 'none',
  length: null,
  encoding: null,
  memoryBytes: null,
  expiresAtMs: null,
  expiresInMs: null,
  first: [],
  digest: null,
};

/** Larger values are neither shown nor compared: reading them would disturb the engine's clients. */
export const READ_BYTES_MAX = 64 * 1024 * 1024;

const PAGE = 1000;
const PAGE_BYTES = 1024 * 1024;
const FIRST_ELEMENTS = 4;
const FIRST_BYTES = 200;
/** A key may become another type between two questions. */
const ATTEMPTS = 5;

/** Runs a command; its strings are latin1. */
type Run = (name: string, ...args: readonly (string | number)[]) => Promise<unknown>;

interface TypeReader {
  /** Answers the length, where there is one. */
  readonly length?: string;
  readonly pages: (run: Run, key: string) => AsyncIterable<Element[]>;
  /** The order in which elements come says nothing. */
  readonly isUnordered?: true;
}

const READERS: Readonly<Record<string, TypeReader>> = {
  string: { length: 'STRLEN', pages: stringPages },
  list: { length: 'LLEN', pages: (run, key) => rankPages(run, 1, 'LRANGE', key) },
  zset: { length: 'ZCARD', pages: (run, key) => rankPages(run, 2, 'ZRANGE', key, 'WITHSCORES') },
  hash: { length: 'HLEN', pages: (run, key) => scanPages(run, 2, 'HSCAN', key), isUnordered: true },
  set: { length: 'SCARD', pages: (run, key) => scanPages(run, 1, 'SSCAN', key), isUnordered: true },
  stream: { length: 'XLEN', pages: streamPages },
  'ReJSON-RL': { pages: documentPages },
};

/** `key` is latin1. */
export async function readEngineKey(engine: Redis, key: string): Promise<KeyReading> {
  const run: Run = (name, ...args) => engine.callBuffer(name, ...args.map(toBytes));
  for (let attempt = 1; ; attempt++) {
    try {
      const [type = 'none'] = textsIn(await run('TYPE', key));
      const facts = await readFacts(engine, key, type);
      if (facts.type === 'none') return ABSENT;
      if (facts.type === type) return { ...facts, ...(await readValue(run, key, facts)) };
    } catch (error) {
      if (!String(error).includes('WRONGTYPE')) throw error;
    }
    if (attempt === ATTEMPTS) throw new Error('its type changes again and again');
  }
}

type Facts = Omit<KeyReading, 'first' | 'digest'>;

async function readFacts(engine: Redis, key: string, type: string): Promise<Facts> {
  const name = toBytes(key);
  const results = await engine
    .multi()
    .callBuffer('TYPE', name)
    .callBuffer('PEXPIRETIME', name)
    .callBuffer('OBJECT', 'ENCODING', name)
    .callBuffer('MEMORY', 'USAGE', name)
    .callBuffer('TIME')
    .callBuffer(READERS[type]?.length ?? 'EXISTS', name)
    .exec();
  const replies = (results ?? []).map(([error, reply]) => {
    if (error !== null) throw error;
    return reply === null ? null : textsIn(reply);
  });
  const [typeNow, expiry, encoding, memory, time, length] = replies;
  const nowMs = Number(time?.[0]) * 1000 + Math.floor(Number(time?.[1]) / 1000);
  const expiresAtMs = Number(expiry?.[0]);
  return {
    type: typeNow?.[0] ?? 'none',
    length: READERS[type]?.length === undefined ? null : Number(length?.[0]),
    encoding: encoding?.[0] ?? null,
    memoryBytes: memory == null ? null : Number(memory[0]),
    expiresAtMs: expiresAtMs < 0 ? null : expiresAtMs,
    expiresInMs: expiresAtMs < 0 ? null : expiresAtMs - nowMs,
  };
}

async function readValue(
  run: Run,
  key: string,
  { type, memoryBytes }: Facts,
): Promise<Pick<KeyReading, 'first' | 'digest'>> {
  const reader = READERS[type];
  if ((memoryBytes ?? 0) > READ_BYTES_MAX) {
    const isString = type === 'string';
    const start = isString ? textsIn(await run('GETRANGE', key, 0, FIRST_BYTES - 1)) : [];
    return { first: isString ? [start] : [], digest: null };
  }
  if (reader === undefined) {
    // As the engine would move it; nothing that could be shown.
    return { first: [], digest: digestOf([textsIn(await run('DUMP', key))]) };
  }
  const elements: Element[] = [];
  for await (const page of reader.pages(run, key)) elements.push(...page);
  const inOrder = reader.isUnordered === true ? sorted(elements) : elements;
  const first = inOrder.slice(0, type === 'string' ? 1 : FIRST_ELEMENTS);
  const shown = first.map((element) => element.map((part) => part.slice(0, FIRST_BYTES)));
  return { first: shown, digest: digestOf(type === 'string' ? comparable(inOrder) : inOrder) };
}

async function* stringPages(run: Run, key: string): AsyncIterable<Element[]> {
  for (let at = 0; ; at += PAGE_BYTES) {
    const [chunk = ''] = textsIn(await run('GETRANGE', key, at, at + PAGE_BYTES - 1));
    yield [[chunk]];
    if (chunk.length < PAGE_BYTES) return;
  }
}

async function* documentPages(run: Run, key: string): AsyncIterable<Element[]> {
  yield textsIn(await run('JSON.GET', key, '.')).map((text) => [canonicalJson(text)]);
}

async function* rankPages(
  run: Run,
  parts: number,
  name: string,
  key: string,
  ...options: string[]
): AsyncIterable<Element[]> {
  for (let at = 0; ; at += PAGE) {
    const page = split(textsIn(await run(name, key, at, at + PAGE - 1, ...options)), parts);
    yield page;
    if (page.length < PAGE) return;
  }
}

async function* scanPages(
  run: Run,
  parts: number,
  name: string,
  key: string,
): AsyncIterable<Element[]> {
  let cursor = '0';
  do {
    const [next = '0', ...found] = textsIn(await run(name, key, cursor, 'COUNT', PAGE));
    yield split(found, parts);
    cursor = next;
  } while (cursor !== '0');
}

/** Entries; not the groups, whose delivery state is that of each region. */
async function* streamPages(run: Run, key: string): AsyncIterable<Element[]> {
  for (let start = '-'; ; ) {
    const reply = await run('XRANGE', key, start, '+', 'COUNT', PAGE);
    const entries = Array.isArray(reply) ? reply.map(textsIn) : [];
    yield entries;
    const last = entries.at(-1)?.[0];
    if (last === undefined || entries.length < PAGE) return;
    start = `(${last}`;
  }
}

/** All strings and numbers in a reply, in order, as latin1. */
function textsIn(reply: unknown): string[] {
  if (Array.isArray(reply)) return reply.flatMap(textsIn);
  if (Buffer.isBuffer(reply)) return [reply.toString('latin1')];
  return reply === null || reply === undefined ? [] : [String(reply)];
}

function toBytes(arg: string | number): Buffer {
  return Buffer.from(String(arg), 'latin1');
}

function split(texts: readonly string[], parts: number): Element[] {
  const elements: Element[] = [];
  for (let i = 0; i + parts <= texts.length; i += parts) elements.push(texts.slice(i, i + parts));
  return elements;
}

/** By what names them, each once: a scan may return an element twice. */
function sorted(elements: readonly Element[]): Element[] {
  const byName = new Map(elements.map((element) => [element[0] ?? '', element]));
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, element]) => element);
}

/** A HyperLogLog remembers its last count within its value, each engine its own. */
function comparable([first, ...more]: readonly Element[]): Element[] {
  const text = first?.[0] ?? '';
  return [[text.startsWith('HYLL') ? text.slice(0, 8) + text.slice(16) : text], ...more];
}

function digestOf(elements: readonly Element[]): string {
  const hash = createHash('sha256');
  for (const parts of elements) {
    hash.update(`${parts.length};`);
    for (const part of parts) hash.update(`${part.length}:`).update(part, 'latin1');
  }
  return hash.digest('hex').slice(0, 16);
}
