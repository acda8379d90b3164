import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Command } from '../../src/resp/command.ts';
import { StreamParser } from '../../src/resp/stream-parser.ts';
import { CommandSource, interleaved, keyName } from './command-source.ts';
import { describeMix, PUSHED_AT_ONCE, WORKLOAD_NAMES, workloadNamed } from './workloads.ts';

const OPTIONS = { keyPrefix: 'k:', keys: 3, valueBytes: 4 };

/** The arguments of the next commands, as a server would read them. */
function take(source: CommandSource, count: number): string[][] {
  const parser = new StreamParser();
  const command = new Command();
  const taken: string[][] = [];
  for (let i = 0; i < count; i += 1) {
    parser.feed(Buffer.from(source.next(), 'latin1'));
    assert.ok(parser.next(command), 'the command is whole');
    taken.push(Array.from({ length: command.argc }, (_, at) => command.arg(at)));
    assert.ok(!parser.next(command), 'there is one only');
  }
  return taken;
}

test('each share comes as often as its weight says, never two ahead of what is due', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(weights, (all) => {
      const total = all.reduce((sum, weight) => sum + weight, 0);
      const order = interleaved(all);
      assert.equal(order.length, total);
      all.forEach((weight, share) => {
        let seen = 0;
        order.forEach((chosen, at) => {
          if (chosen === share) seen += 1;
          assert.ok(seen - ((at + 1) * weight) / total < 2);
        });
        assert.equal(seen, weight);
      });
    }),
  );
  assert.deepEqual(interleaved([1, 1]), [0, 1]);
  assert.deepEqual(interleaved([2, 1]), [0, 1, 0]);
});

test('every workload makes commands that a server can read, with keys of its own', () => {
  for (const name of WORKLOAD_NAMES) {
    const source = new CommandSource(workloadNamed(name), OPTIONS);
    for (const args of take(source, 200)) {
      assert.match(args[0] ?? '', /^[A-Z]+$/, name);
      assert.ok(args[1]?.startsWith('k:'), `${name}: ${args.join(' ')}`);
    }
  }
});

test('keys in turn come back to the first, keys by chance stay below their number', () => {
  const inTurn = take(new CommandSource(workloadNamed('set'), OPTIONS), 4);
  const keys = [0, 1, 2, 0].map((number) => keyName('k:', number));
  assert.deepEqual(
    inTurn,
    keys.map((key) => ['SET', key, 'xxxx']),
  );
  const high = new CommandSource(workloadNamed('setRandom'), OPTIONS, () => 0.999_999);
  assert.deepEqual(take(high, 1), [['SET', keyName('k:', 2), 'xxxx']]);
});

test('a hundred mixed writes are what the table says in percent', () => {
  const source = new CommandSource(workloadNamed('mixed'), OPTIONS);
  const counts = new Map<string, number>();
  for (const [name = ''] of take(source, 300)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const said = describeMix()
    .split(', ')
    .map((part) => part.split(' '));
  assert.equal(
    said.reduce((sum, [, percent]) => sum + Number(percent), 0),
    100,
  );
  for (const [name = '', percent] of said)
    assert.equal(counts.get(name), 3 * Number(percent), name);
  assert.equal(counts.size, said.length);
  assert.equal(counts.get('LPUSH'), counts.get('RPOP'));
});

test('a list is built of elements of ten bytes, no two alike', () => {
  const source = new CommandSource(workloadNamed('pushMany'), { ...OPTIONS, keys: 1 });
  const elements = take(source, 3).flatMap((args) => args.slice(2));
  assert.equal(elements.length, 3 * PUSHED_AT_ONCE);
  assert.equal(new Set(elements).size, elements.length);
  assert.ok(elements.every((element) => element.length === 10));
});
