import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Command } from './command.ts';
import { CommandWriter } from './command-writer.ts';
import { encodeStrings } from './encode.ts';
import { StreamParser } from './stream-parser.ts';

function commandsIn(bytes: Buffer): string[][] {
  const parser = new StreamParser();
  const command = new Command();
  const commands: string[][] = [];
  parser.feed(bytes);
  while (parser.next(command)) {
    commands.push(Array.from({ length: command.argc }, (_, i) => command.arg(i)));
  }
  return commands;
}

const text = fc.string({ unit: 'binary-ascii', maxLength: 40 });
const written = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('SET', 'set'), text, text) },
  fc.tuple(fc.constant('SET'), text, text, fc.constant('KEEPTTL')),
  fc.tuple(fc.constantFrom('SETNX', 'GETSET'), text, text),
  fc.tuple(fc.constant('SADD'), text, text, text),
  fc.tuple(fc.constant('SET'), text, fc.constant('x'.repeat(50_000))),
);

/** What a run of SETs comes to, so that both ways of writing them can be compared. */
function flattened(commands: readonly (readonly string[])[]): string[][] {
  return commands.flatMap(([name = '', ...args]) => {
    if (name.toUpperCase() !== 'MSET') return [[name.toUpperCase(), ...args]];
    const sets: string[][] = [];
    for (let i = 0; i < args.length; i += 2) sets.push(['SET', ...args.slice(i, i + 2)]);
    return sets;
  });
}

test('what is taken is what was written, runs of plain SETs as one MSET', () => {
  const batches = fc.array(fc.array(written, { maxLength: 12 }), { maxLength: 6 });
  fc.assert(
    fc.property(batches, (all) => {
      const writer = new CommandWriter();
      const taken = all.map((batch) => {
        for (const args of batch) {
          const raw = Buffer.concat([Buffer.from('??'), encodeStrings(args)]);
          if (args[0].toUpperCase() === 'SET') writer.set(raw, 2, raw.length);
          else writer.raw(raw, 2, raw.length);
        }
        const { count } = writer;
        return { count, bytes: writer.take() };
      });
      taken.forEach(({ count, bytes }, i) => {
        const commands = commandsIn(bytes);
        assert.equal(commands.length, count);
        assert.deepEqual(flattened(commands), flattened(all[i] ?? []));
      });
    }),
  );
});

test('a run of SETs is one command, a single one stays what it is', () => {
  const writer = new CommandWriter();
  const set = (key: string) => {
    const raw = encodeStrings(['set', key, 'v']);
    writer.set(raw, 0, raw.length);
  };
  set('a');
  set('b');
  writer.command(['DEL', 'c']);
  set('d');
  assert.deepEqual(commandsIn(writer.take()), [
    ['MSET', 'a', 'v', 'b', 'v'],
    ['DEL', 'c'],
    ['SET', 'd', 'v'],
  ]);
});
