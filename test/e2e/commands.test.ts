// The registry of commands against a real engine: every write command has its row, what is denied is denied
// and nothing else is, and the engine's stream shows each command as its row says.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Redis } from 'ioredis';
import { COMMAND_ROWS, DENIED_ROWS, rowOf } from '../../src/commands/registry.ts';
import type { CommandRow } from '../../src/commands/row.ts';
import { ALLOWED_ALL_THE_SAME, ALLOWED_WHERE_KNOWN } from '../../src/commands/server.ts';
import { CLIENT_USER, REPLICATOR_USER } from '../../src/engine/acl.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { findEngine } from '../../src/engine/find.ts';
import { type RunningEngine, startEngine, stopEngine } from '../../src/engine/process.ts';
import { freePorts } from '../../src/group/ports.ts';
import { Command } from '../../src/resp/command.ts';
import { StreamParser } from '../../src/resp/stream-parser.ts';
import {
  type RealClient,
  RealEngine,
  RealStream,
} from '../sim/model-engine/differential/real-engine.ts';
import type { ModelReply } from '../sim/model-engine/reply.ts';
import { ANSWERED, sampleOf } from './support/sample-calls.ts';

/** Not flagged as writes by the engine, but they can be in its stream. */
const IN_THE_STREAM = [
  'PFCOUNT',
  'PUBLISH',
  'SPUBLISH',
  'EVAL',
  'EVALSHA',
  'FCALL',
  'MULTI',
  'EXEC',
  'WAIT',
  'REPLCONF',
  'SELECT',
  'PING',
];

interface EngineCommand {
  /** In upper case; a subcommand behind a space. */
  readonly name: string;
  readonly argumentsMin: number;
  readonly flags: readonly string[];
  readonly categories: readonly string[];
}

describe('the registry of commands and an engine that clients may use', () => {
  const dir = mkdtempSync(join(tmpdir(), 'commands-'));
  const password = 'replicator-password';
  let engine: RunningEngine;
  let admin: Redis;
  let commands: EngineCommand[] = [];

  before(async () => {
    const users = { clientPassword: null, replicatorPassword: password };
    const [port = 0] = await freePorts(1);
    engine = await startEngine({ binary: await findEngine(), dir, port, users });
    admin = await connectEngine({ ...engine, username: REPLICATOR_USER, password });
    commands = ((await admin.call('COMMAND')) as unknown[]).flatMap(engineCommands);
  });
  after(async () => {
    admin.disconnect();
    await stopEngine(engine.process.pid, dir);
    rmSync(dir, { recursive: true });
  });

  test('every command that writes has its row', () => {
    const writes = commands.filter(({ flags }) => flags.includes('write')).map(({ name }) => name);
    assert.ok(writes.length > 100, `only ${writes.length} write commands`);
    const missing = [...writes, ...IN_THE_STREAM].filter((name) => rowOf(name) === undefined);
    assert.deepEqual(missing, [], 'these need a row in src/commands');
  });

  test('no row is misspelt', () => {
    const known = new Set(commands.flatMap(({ name }) => [name, name.split(' ')[0]]));
    const rows = COMMAND_ROWS.filter(({ since }) => since === undefined);
    // Names with a dot are of modules.
    const names = rows.flatMap((row) => row.names).filter((name) => !name.includes('.'));
    assert.deepEqual(
      names.filter((name) => !known.has(name)),
      [],
      'the engine does not have these',
    );
    const allowed = ALLOWED_ALL_THE_SAME.filter((name) => !known.has(name));
    assert.deepEqual(allowed, [], 'the engine does not have these');
  });

  test('clients are denied what the registry denies, and what is of a kind that it denies', async () => {
    const wrong: string[] = [];
    for (const { name, argumentsMin, categories } of commands) {
      const args = name.split(' ');
      while (args.length < argumentsMin) args.push('1');
      const answer = String(await admin.call('ACL', 'DRYRUN', CLIENT_USER, ...args));
      const isDenied = answer !== 'OK';
      if (isDenied) assert.match(answer, /no permissions to run/, name);
      const isOfDeniedKind = categories.some((kind) => kind === '@admin' || kind === '@dangerous');
      const expected = deniedBy(name) || (isOfDeniedKind && !isAllowed(name));
      if (isDenied !== expected) wrong.push(`${name}: ${answer}`);
    }
    assert.deepEqual(wrong, []);
  });
});

describe('the registry of commands and the stream of an engine', () => {
  let engine: RealEngine;
  let client: RealClient;
  let stream: RealStream;

  before(async () => {
    engine = await RealEngine.start();
    client = await engine.connect();
    stream = await RealStream.attach(engine);
  });
  after(async () => {
    stream.close();
    client.close();
    await engine.stop();
  });

  test('each command is propagated as its row says', async () => {
    // The first write is preceded by SELECT.
    await propagated(['SET', 'k', 'v'], []);
    const wrong: string[] = [];
    for (const row of COMMAND_ROWS) {
      if (row.since !== undefined || row.denied !== undefined) continue;
      for (const name of row.names) {
        if (name.includes('.')) continue;
        const sample = sampleOf(name);
        assert.ok(sample !== undefined, `no sample of ${name} (test/e2e/support/sample-calls.ts)`);
        const call = sample.pop() ?? [];
        const names = await propagated(call, sample);
        if (!agrees(row, name, names)) wrong.push(`${name}: ${names.join(' ') || 'nothing'}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  /** The names of the commands that a call puts into the stream. */
  async function propagated(call: readonly string[], before: string[][]): Promise<string[]> {
    // WAIT asks for acknowledgements of what has none yet: its write must come in the same packet.
    const isWait = call[0] === 'WAIT';
    const isOneRun = isWait || before.some(([name]) => name === 'MULTI');
    // Not FLUSHALL: it would cut off a stream whose snapshot the engine has not put away yet.
    const reset = [
      ['DEL', 'k', 'l'],
      ['FUNCTION', 'FLUSH'],
    ];
    succeeded(await client.run(isOneRun ? reset : [...reset, ...before]));
    const calls = await answered(isOneRun ? [...before, call] : [call]);
    await stream.takeUntil(await offset());
    succeeded(await client.run(calls));
    const names = namesIn(await stream.takeUntil(await offset()));
    return isWait ? names.slice(before.length) : names;
  }

  async function answered(calls: readonly (readonly string[])[]): Promise<string[][]> {
    const filled: string[][] = [];
    for (const call of calls) {
      const args: string[] = [];
      for (const arg of call) {
        const question = ANSWERED[arg];
        args.push(question === undefined ? arg : textOf((await client.run([question]))[0]));
      }
      filled.push(args);
    }
    return filled;
  }

  async function offset(): Promise<number> {
    const [role] = await client.run([['ROLE']]);
    const [, at] = role?.kind === 'array' ? role.items : [];
    assert.ok(at?.kind === 'integer');
    return Number(at.value);
  }
});

function agrees(row: CommandRow, name: string, names: readonly string[]): boolean {
  const { reach } = row;
  const base = name.split(' ')[0] as string;
  if (reach === 'nothing') return names.length === 0;
  if (reach === 'effects')
    return names.length > 0 && names.every((name) => name === 'SET' || name === 'INCR');
  if (typeof reach !== 'object') {
    const isSilent = reach === 'rule' && row.as === 'nothing';
    return names.every((seen) => seen === base) && (names.length > 0 || isSilent);
  }
  const expected = reach.propagatedAs.map((text) => text.split(' ')[0]);
  return names.length > 0 && names.every((seen) => expected.includes(seen));
}

/** Without what frames transactions and what an idle engine sends. */
function namesIn(bytes: Buffer): string[] {
  const names: string[] = [];
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(bytes);
  while (parser.next(command)) names.push(command.arg(0).toUpperCase());
  return names.filter((name) => !['MULTI', 'EXEC', 'SELECT', 'PING'].includes(name));
}

function succeeded(replies: readonly ModelReply[]): void {
  for (const reply of replies) assert.ok(reply.kind !== 'error', JSON.stringify(reply));
}

function textOf(reply: ModelReply | undefined): string {
  assert.ok(reply?.kind === 'bulk');
  return reply.text;
}

function deniedBy(name: string): boolean {
  const [command = '', subcommand] = name.split(' ');
  return DENIED_ROWS.some(({ names, denied }) => {
    if (names.includes(name)) return true;
    const isAllowed = subcommand !== undefined && denied.except?.includes(subcommand);
    return names.includes(command) && !isAllowed;
  });
}

function isAllowed(name: string): boolean {
  const [command = '', subcommand = ''] = name.split(' ');
  return (
    ALLOWED_ALL_THE_SAME.includes(command) ||
    ALLOWED_WHERE_KNOWN.includes(command) ||
    DENIED_ROWS.some(({ names, denied }) => {
      return names.includes(command) && denied.except?.includes(subcommand);
    })
  );
}

/** A row of COMMAND, or the rows of its subcommands. */
function engineCommands(row: unknown): EngineCommand[] {
  assert.ok(Array.isArray(row));
  const [name, arity, flags, , , , categories, , , subcommands] = row as unknown[];
  assert.ok(typeof name === 'string' && typeof arity === 'number');
  assert.ok(Array.isArray(flags) && Array.isArray(categories) && Array.isArray(subcommands));
  if (subcommands.length > 0) return subcommands.flatMap(engineCommands);
  return [
    {
      name: name.toUpperCase().replace('|', ' '),
      argumentsMin: Math.abs(arity),
      flags: flags.map(String),
      categories: categories.map(String),
    },
  ];
}
