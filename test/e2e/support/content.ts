// What the engines of a group hold, in a form that can be compared.

import assert from 'node:assert/strict';
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

const READERS: Record<string, (key: string) => string[]> = {
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  list: (key) => ['LRANGE', key, '0', '-1'],
};

export async function contentOf({ host, enginePort }: Endpoint): Promise<Content> {
  const client = await connectEngine({ host, port: enginePort });
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
  const texts = Array.isArray(value) ? value.flat().map(String) : [String(value)];
  if (type === 'set') return texts.sort();
  if (type !== 'hash') return texts;
  const fields: [string, string][] = [];
  for (let i = 0; i + 1 < texts.length; i += 2) fields.push([texts[i] ?? '', texts[i + 1] ?? '']);
  return fields.sort(([a], [b]) => (a < b ? -1 : 1)).flat();
}

/** The same keys, types and values everywhere, and expiries within ten milliseconds. */
export function assertSame(contents: readonly Content[], regions: readonly string[]): void {
  const keys = new Set(contents.flatMap((content) => [...content.keys()]));
  for (const key of [...keys].sort()) {
    const values = contents.map((content) => content.get(key));
    const shown = () =>
      `${key} differs:\n${values.map((v, i) => `  ${regions[i]}: ${JSON.stringify(v)}`).join('\n')}`;
    const [first] = values;
    for (const value of values) {
      assert.equal(value?.type, first?.type, shown());
      assert.deepEqual(value?.content, first?.content, shown());
      const [mine, theirs] = [value?.expiresAtMs ?? -1, first?.expiresAtMs ?? -1];
      assert.equal(mine === -1, theirs === -1, shown());
      assert.ok(Math.abs(mine - theirs) <= EXPIRY_DIFFERENCE_MS_MAX, shown());
    }
  }
}
