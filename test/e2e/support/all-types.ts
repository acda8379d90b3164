// Keys of every type, in all the forms in which an engine keeps and saves them.

import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';

const FUNCTIONS = "#!lua name=lib\nredis.register_function('one', function() return 1 end)";

/** Some of everything that this engine knows, some of it with expiries. */
export async function fillWithAllTypes(client: Redis): Promise<void> {
  await client.call('FUNCTION', 'LOAD', 'REPLACE', FUNCTIONS);
  const pipeline = client.pipeline();
  const words = (count: number, length = 8): string[] =>
    Array.from({ length: count }, (_, i) => `${i}`.padEnd(length, 'word '));
  for (const [i, number] of [0, 7, -100, 1000, -40_000, 2 ** 31, 2 ** 40, -(2 ** 52)].entries()) {
    pipeline.set(`number:${i}`, number);
  }
  for (const length of [0, 1, 20, 63, 64, 500, 16_383, 16_384, 200_000]) {
    pipeline.set(`random:${length}`, randomBytes(length));
    pipeline.set(`even:${length}`, 'x'.repeat(length));
  }
  pipeline.set('12345', 'a key that is a number').set('k'.repeat(300), 'a long key');
  pipeline.set('', 'a key of no bytes');
  pipeline.rpush('list:small', ...words(3)).rpush('list:long', ...words(5000, 30));
  pipeline.rpush('list:numbers', ...words(500, 0)).rpush('list:plain', 'x'.repeat(20_000), 'y');
  pipeline.sadd('set:numbers', 1, 2, 3).sadd('set:many-numbers', ...words(2000, 0));
  pipeline.sadd('set:wide-numbers', 1, 2 ** 40).sadd('set:small', ...words(5));
  pipeline.sadd('set:large', ...words(600, 50)).sadd('set:long', 'x'.repeat(500), 'y');
  for (const count of [3, 700]) {
    const members = words(count, 12).flatMap((member, i) => [String(i / 7), member]);
    pipeline.zadd(`sorted:${count}`, ...members);
    pipeline.hset(`hash:${count}`, ...words(count, 9).flatMap((field) => [field, field.repeat(4)]));
  }
  pipeline.zadd('sorted:infinite', '-inf', 'a', '+inf', 'b', '0', 'x'.repeat(100));
  pipeline.hset('hash:long', 'field', 'x'.repeat(1000), 'random', randomBytes(100_000));
  pipeline.pfadd('log:sparse', 'a', 'b').pfadd('log:dense', ...words(20_000));
  pipeline.setbit('bits', 100_000, 1).geoadd('places', 8.5, 50, 'here', 9, 51, 'there');
  for (let i = 1; i <= 500; i++) {
    pipeline.xadd('stream', `${i}-1`, 'field', `value ${i}`, ...(i % 7 === 0 ? ['more', 'x'] : []));
  }
  pipeline.xdel('stream', '3-1', '4-1').xtrim('stream', 'MAXLEN', 450);
  pipeline.xgroup('CREATE', 'stream', 'idle', '0').xgroup('CREATE', 'stream', 'group', '0');
  pipeline.xgroup('CREATECONSUMER', 'stream', 'group', 'lazy');
  const read = ['GROUP', 'group', 'reader', 'COUNT', 40, 'STREAMS', 'stream', '>'] as const;
  pipeline.xreadgroup(...read).xack('stream', 'group', '60-1');
  pipeline.xgroup('CREATE', 'stream:empty', 'group', '$', 'MKSTREAM');
  const expiring = ['number:1', 'random:500', 'list:long', 'set:small', 'hash:700', 'stream'];
  for (const [i, key] of expiring.entries()) pipeline.expire(key, 3600 + i);
  const failures = (await pipeline.exec())?.flatMap(([error]) => error ?? []) ?? [];
  if (failures.length > 0) throw failures[0];
  for (const count of [3, 700]) {
    const key = `hash:expiring:${count}`;
    await client.hset(key, ...words(count, 9).flatMap((field) => [field, field.repeat(4)]));
    // An engine that does not know this has no such hashes.
    const fields = ['FIELDS', '2', ...words(2, 9)];
    await client.call('HPEXPIRE', key, '9000000', ...fields).catch(() => {});
  }
}
