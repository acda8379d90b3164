import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interpreter } from '../replicator/interpret/interpreter.ts';
import { Shadows } from '../replicator/interpret/shadows.ts';
import type { OpSink } from '../replicator/interpret/sink.ts';
import { Command } from '../resp/command.ts';
import { encodeStrings } from '../resp/encode.ts';
import { StreamParser } from '../resp/stream-parser.ts';
import { COMMAND_ROWS, DENIED_ROWS, rowOf } from './registry.ts';
import type { CommandRow } from './row.ts';
import { ALLOWED_ALL_THE_SAME, ALLOWED_WHERE_KNOWN } from './server.ts';

/** Notes what the interpreter asks for, whatever it is. */
function interpreterWith(calls: string[]): Interpreter {
  const note = { get: (_: object, name: string) => () => calls.push(name) };
  return new Interpreter(new Proxy({}, note) as OpSink, new Shadows(), () => undefined);
}

const RULED = new Set(interpreterWith([]).ruledCommands);

function baseOf(name: string): string {
  return name.split(' ')[0] as string;
}

function namesOf(rows: readonly CommandRow[]): string[] {
  return rows.flatMap((row) => row.names);
}

test('no command has two rows', () => {
  const names = namesOf(COMMAND_ROWS);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
  for (const name of names) assert.match(name, /^[A-Z_][A-Z0-9._*-]*( [A-Z]+)?$/);
});

test('every command that the interpreter has a rule for has a row that says so', () => {
  // A rule for what the engine propagates as something else does no harm.
  const rows = COMMAND_ROWS.filter(({ reach }) => reach === 'rule' || typeof reach === 'object');
  const said = new Set(namesOf(rows).map((name) => baseOf(name)));
  const unsaid = [...RULED].filter((name) => !said.has(name));
  assert.deepEqual(
    unsaid,
    [],
    'these have a rule, but no row with the reach "rule" (src/commands)',
  );
});

test('the interpreter has a rule for every command whose row says so', () => {
  const said = namesOf(COMMAND_ROWS.filter((row) => row.reach === 'rule'));
  const unruled = said.filter((name) => !RULED.has(baseOf(name)));
  assert.deepEqual(unruled, [], 'these rows promise a rule that the interpreter does not have');
});

test('a command without a rule of its own has none in the interpreter', () => {
  for (const row of COMMAND_ROWS) {
    if (row.reach === 'rule') continue;
    for (const name of row.names) {
      // A subcommand may have another reach than the command it belongs to.
      if (name.includes(' ') || typeof row.reach === 'object') continue;
      assert.ok(!RULED.has(name), `${name} has a rule, but its row says ${row.reach}`);
    }
  }
});

test('what the engine propagates in place of a command has a row of its own', () => {
  for (const row of COMMAND_ROWS) {
    if (typeof row.reach !== 'object') continue;
    assert.ok(row.reach.propagatedAs.length > 0);
    for (const name of row.reach.propagatedAs) {
      const target = rowOf(name);
      assert.ok(target !== undefined, `${row.names[0]} is propagated as ${name}: no such row`);
      const arrives = target.reach === 'rule' || target.reach === 'default';
      assert.ok(arrives, `${name} does not arrive under its own name`);
    }
  }
});

test('what has no rule to merge by ships nothing', () => {
  for (const row of COMMAND_ROWS) {
    if (row.reach !== 'rule' || (row.merges ?? []).length > 0) continue;
    for (const name of row.names) {
      const calls = shipped(name);
      const isSilent = calls.every((call) => call === 'unreplicable');
      assert.ok(isSilent, `${name}: ${calls.join(' ')}`);
    }
  }
});

test('what merges by a rule says what is shipped', () => {
  for (const { names, merges = [], reach, as, denied } of COMMAND_ROWS) {
    if (merges.length === 0 || denied !== undefined) continue;
    assert.notEqual(reach, 'nothing', names.join());
    assert.ok(typeof reach === 'object' || as !== undefined, names.join());
  }
});

test('every denied command has its reason, and none is allowed as well', () => {
  const allowed = new Set([...ALLOWED_ALL_THE_SAME, ...ALLOWED_WHERE_KNOWN]);
  for (const { names, denied } of DENIED_ROWS) {
    assert.ok(denied.reason.length > 10, names.join());
    for (const name of names) assert.ok(!allowed.has(name), name);
  }
});

test('a row is found by command, subcommand and family', () => {
  assert.ok(rowOf('XGROUP CREATE')?.names.includes('XGROUP DESTROY'));
  assert.equal(rowOf('CONFIG SET'), rowOf('CONFIG'));
  assert.ok(rowOf('TS.ADD')?.names.includes('TS.*'));
  assert.equal(rowOf('GET'), undefined);
  assert.equal(rowOf('SCRIPT KILL'), undefined);
});

function shipped(name: string): string[] {
  const calls: string[] = [];
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(encodeStrings([...name.split(' '), 'k', '1']));
  assert.ok(parser.next(command));
  interpreterWith(calls).interpret(baseOf(name), command);
  return calls;
}
