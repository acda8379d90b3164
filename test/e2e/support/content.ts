// What the engines of a group hold, in a form that can be compared.

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import { connectEngine } from '../../../src/engine/client.ts';
import { canonicalHyperLogLog } from '../../sim/model-engine/hyperloglog.ts';
import type { Endpoint } from './region-client.ts';

export interface KeyContent {
  readonly type: string;
  /** Sorted where the type knows no order. */
  readonly content: readonly string[];
  /** ms since the epoch; -1 for none. */
  readonly expiresAtMs: number;
}

export type Content = Map<string, KeyContent>;

const EXPIRY_DIFFERENCE_MS_MAX = 10;
/** A value with more elements is not shown whole. */
const LONG = 20;

const READERS: Record<string, (key: string) => string[]> = {
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  list: (key) => ['LRANGE', key, '0', '-1'],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

export async function contentOf({
  host,
  enginePort,
  clientPassword,
}: Endpoint & { readonly clientPassword?: string | null }): Promise<Content> {
  const password = clientPassword ?? undefined;
  const client = await connectEngine({ host, port: enginePort, password });
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, found] = await client.scan(cursor, 'COUNT', 1000);
    for (const key of found) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  const content: Content = new Map();
  for (const key of [...keys].sort()) {
    const type = await client.type(key);
    if (type === 'none') continue;
    const [name = '', ...args] = READERS[type]?.(key) ?? ['DUMP', key];
    const value =
      type === 'string' ? await stringAt(client, key) : await client.call(name, ...args);
    const expiresAtMs = Number(await client.call('PEXPIRETIME', key));
    content.set(key, { type, content: canonical(type, value), expiresAtMs });
  }
  client.disconnect();
  return content;
}

/** Of a HyperLogLog its registers: how they are encoded may differ. */
async function stringAt(client: Redis, key: string): Promise<string> {
  const text = (await client.getBuffer(key))?.latin1Slice() ?? '';
  return canonicalHyperLogLog(text) ?? text;
}

function canonical(type: string, value: unknown): string[] {
  const texts = Array.isArray(value) ? value.flat(3).map(String) : [String(value)];
  if (type === 'set') return texts.sort();
  if (type !== 'hash') return texts;
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < texts.length; i += 2) fields.push([texts[i] ?? '', texts[i + 1] ?? '']);
  return fields.sort(([a], [b]) => (a < b ? -1 : 1)).flat();
}

/** The same keys, types and values everywhere, and expiries within ten milliseconds. */
export function assertSame(contents: readonly Content[], regions: readonly string[]): void {
  const [first] = differences(contents, regions);
  assert.equal(first, undefined, first);
}

/** The keys that are not the same everywhere, with what the regions show. */
export function differences(contents: readonly Content[], regions: readonly string[]): string[] {
  const keys = new Set(contents.flatMap((content) => [...content.keys()]));
  return [...keys].sort().flatMap((key) => {
    const values = contents.map((content) => content.get(key));
    if (values.every((value) => isSame(value, values[0]))) return [];
    const shown = values.map((value, i) => `  ${regions[i]}: ${shownOf(value, values)}`);
    return [`${key} differs:\n${shown.join('\n')}`];
  });
}

function isSame(a: KeyContent | undefined, b: KeyContent | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.type !== b.type || !isDeepStrictEqual(a.content, b.content)) return false;
  if ((a.expiresAtMs === -1) !== (b.expiresAtMs === -1)) return false;
  return Math.abs(a.expiresAtMs - b.expiresAtMs) <= EXPIRY_DIFFERENCE_MS_MAX;
}

/** Of a long value what another one lacks, or where it first differs. */
function shownOf(
  value: KeyContent | undefined,
  others: readonly (KeyContent | undefined)[],
): string {
  if (value === undefined || value.content.length <= LONG)
    return JSON.stringify(value) ?? 'nothing';
  const { type, content, expiresAtMs } = value;
  const notEverywhere = content.filter((text) =>
    others.some((other) => !other?.content.includes(text)),
  );
  const other = others.find((one) => !isSame(one, value));
  const at = content.findIndex((text, i) => text !== other?.content[i]);
  return JSON.stringify({
    type,
    length: content.length,
    expiresAtMs,
    notEverywhere: notEverywhere.slice(0, LONG),
    differsAt: at,
    there: content.slice(Math.max(0, at - 2), at + 4),
  });
}
