// Snapshots as engines write them: every type, in every form that this engine has, is split where it ends,
// wherever the stream is cut.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorError } from '../../src/base/errors.ts';
import { saveSnapshot } from '../../src/engine/snapshot-file.ts';
import { RdbPart, RdbSplitter } from '../../src/rdb/splitter.ts';
import { fillWithAllTypes } from './support/all-types.ts';
import { Engine, temporaryDir, Undo } from './support/join-bed.ts';

const VERSION_AND_CHECKSUM_BYTES = 10;

async function withEngine(run: (engine: Engine, undo: Undo) => Promise<void>): Promise<void> {
  const undo = new Undo();
  try {
    await run(await Engine.start(undo), undo);
  } finally {
    await undo.run();
  }
}

/** Where parts end in the file, and of what kind they are. */
function ends(file: Buffer, sizes: readonly number[]): { ends: string[]; values: Buffer[] } {
  const splitter = new RdbSplitter();
  const found: string[] = [];
  const values: Buffer[] = [];
  let fed = 0;
  let valueAt = 0;
  for (let i = 0; fed < file.length; i++) {
    const chunk = file.subarray(fed, fed + (sizes[i % sizes.length] ?? file.length));
    splitter.feed(chunk);
    for (let part = splitter.next(); part !== RdbPart.none; part = splitter.next()) {
      const end = fed + splitter.at;
      found.push(`${part} ${end}`);
      if (part === RdbPart.value) values.push(file.subarray(valueAt, end));
      if (part === RdbPart.value || part === RdbPart.field) valueAt = end;
    }
    fed += chunk.length;
  }
  assert.equal(splitter.reason, undefined);
  assert.equal(splitter.isOver, true, 'the end of the file was found');
  return { ends: found, values };
}

test('every value is found, as DUMP gives it', async () => {
  await withEngine(async (engine, undo) => {
    await fillWithAllTypes(engine.client);
    const path = join(temporaryDir(undo), 'snapshot.rdb');
    let told = 0;
    const bytes = await saveSnapshot({
      engine: engine.endpoint,
      file: path,
      onBytes: (count) => {
        told = count;
      },
    });
    const file = readFileSync(path);
    assert.equal(file.length, bytes);
    assert.equal(told, bytes);
    const { values } = ends(file, []);
    const expected = new Map<string, number>();
    for (const key of await engine.client.keysBuffer('*')) {
      const dump = await engine.client.dumpBuffer(key);
      assert.ok(dump !== null);
      const body = dump.subarray(1, -VERSION_AND_CHECKSUM_BYTES).toString('hex');
      const value = `${dump.subarray(0, 1).toString('hex')} ${body}`;
      expected.set(value, (expected.get(value) ?? 0) + 1);
    }
    let found = 0;
    for (const value of values) {
      // The key stands between type and value, in a form of its own.
      const hex = value.toString('hex');
      const [match] = [...expected]
        .filter(([one, count]) => {
          return count > 0 && hex.startsWith(one.slice(0, 2)) && hex.endsWith(one.slice(3));
        })
        .sort(([one], [other]) => other.length - one.length);
      assert.ok(match !== undefined, `no key has the value ${hex.slice(0, 200)}`);
      expected.set(match[0], match[1] - 1);
      found++;
    }
    assert.equal(found, await engine.client.dbsize());
  });
});

test('the same parts come out, wherever the snapshot is cut', async () => {
  await withEngine(async (engine, undo) => {
    await fillWithAllTypes(engine.client);
    const path = join(temporaryDir(undo), 'snapshot.rdb');
    await saveSnapshot({ engine: engine.endpoint, file: path });
    const file = readFileSync(path);
    const whole = ends(file, []).ends;
    assert.deepEqual(ends(file, [1]).ends, whole);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 }),
        (sizes) => assert.deepEqual(ends(file, sizes).ends, whole),
      ),
      { numRuns: 20 },
    );
  });
});

test('a snapshot with a length, from a disk, is saved as one with a mark', async () => {
  await withEngine(async (engine, undo) => {
    await engine.client.set('key', randomBytes(300_000));
    const dir = temporaryDir(undo);
    const marked = await saveSnapshot({ engine: engine.endpoint, file: join(dir, 'a') });
    await engine.client.config('SET', 'repl-diskless-sync', 'no');
    const counted = await saveSnapshot({ engine: engine.endpoint, file: join(dir, 'b') });
    assert.ok(Math.abs(marked - counted) < 100, `${marked} and ${counted} bytes`);
    const values = [join(dir, 'a'), join(dir, 'b')].map((path) => ends(readFileSync(path), []));
    assert.deepEqual(values[0]?.values, values[1]?.values);
  });
});

test('what cannot be saved leaves no file, and says why', async () => {
  await withEngine(async (engine, undo) => {
    await engine.client.set('key', randomBytes(5_000_000));
    const file = join(temporaryDir(undo), 'snapshot.rdb');
    const refused = saveSnapshot({ engine: { ...engine.endpoint, password: 'wrong' }, file });
    await assert.rejects(refused, (error: unknown) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.code, 'SNAPSHOT_NOT_SAVED');
      assert.match(error.message, /WRONGPASS|NOAUTH/);
      return true;
    });
    assert.equal(existsSync(file), false);
    const ended = new AbortController();
    const onBytes = (): void => ended.abort();
    const wish = { engine: engine.endpoint, file, onBytes, signal: ended.signal };
    await assert.rejects(saveSnapshot(wish), /it was ended/);
    assert.equal(existsSync(file), false);
  });
});
