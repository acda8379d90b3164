// Digests of keys, as a real engine computes them: the same for what is the same, whatever its encoding and order.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectEngine } from '../../src/engine/client.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import {
  BUCKETS,
  bucketDigests,
  bucketOf,
  digestsOf,
  keyPages,
} from '../../src/replicator/gap/key-digests.ts';

const LONG = 'x'.repeat(200);

test('are those of the values, and not of how an engine keeps them', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'atoll-digests-'));
  const group = await LocalGroup.up({ dir: join(parent, 'group'), regions: ['eastus'] });
  const { host, enginePort } = group.member('eastus');
  const client = await connectEngine({ host, port: enginePort });
  t.after(async () => {
    client.disconnect();
    await group.down();
    rmSync(parent, { recursive: true });
  });
  const same = async (a: string, b: string): Promise<boolean> => {
    const [first, second] = await digestsOf(client, [a, b]);
    return first === second;
  };

  // Once large, an encoding stays what it became.
  await client.sadd('s1', 1, 2, 3);
  await client.sadd('s2', 'text', 3, 2, 1);
  await client.srem('s2', 'text');
  await client.hset('h1', 'a', 1, 'b', 2);
  await client.hset('h2', 'b', 2, 'long', LONG, 'a', 1);
  await client.hdel('h2', 'long');
  await client.zadd('z1', 1, 'a', 2, 'b');
  await client.zadd('z2', 2, 'b', 1, 'a', 3, LONG);
  await client.zrem('z2', LONG);
  await client.rpush('l1', 'a', 'b');
  await client.rpush('l2', 'a', 'b', ...new Array(200).fill(LONG));
  await client.ltrim('l2', 0, 1);
  await client.set('n1', '12');
  await client.set('n2', '1');
  await client.append('n2', '2');
  await client.xadd('x1', '1-1', 'f', 'v');
  await client.xadd('x2', '1-1', 'f', 'v');
  await client.xadd('x2', '2-1', 'f', 'v');
  await client.xdel('x2', '2-1');
  for (const kind of ['s', 'h', 'z', 'l', 'n', 'x']) {
    assert.ok(await same(`${kind}1`, `${kind}2`), kind);
    // Neither field and value nor two members can be mistaken for others.
    assert.ok(!(await same(`${kind}1`, kind === 's' ? 'h1' : 's1')), kind);
  }
  await client.xgroup('CREATE', 'x2', 'g', '0');
  assert.ok(!(await same('x1', 'x2')), 'groups');
  await client.sadd('ab', 'a', 'b');
  await client.sadd('a1:b', 'a1:b');
  assert.ok(!(await same('ab', 'a1:b')));
  await client.pexpireat('n2', 33_000_000_000_000);
  assert.ok(!(await same('n1', 'n2')), 'the expiry counts');
  assert.deepEqual(await digestsOf(client, ['nothing']), ['']);

  const binary = Buffer.from([0, 255, 10, 13]);
  await client.set(binary, Buffer.from([1, 2, 254]));
  const keys: string[] = [];
  for await (const page of keyPages(client)) keys.push(...page.map(([key]) => key));
  assert.equal(keys.length, await client.dbsize());
  assert.ok(keys.includes(binary.toString('latin1')));
  const before = await bucketDigests(client);
  assert.equal(before.length, BUCKETS);
  await client.set(binary, 'other');
  const after = await bucketDigests(client);
  const changed = after.flatMap((digest, bucket) => (digest === before[bucket] ? [] : [bucket]));
  assert.deepEqual(changed, [bucketOf(binary.toString('latin1'))]);
});
