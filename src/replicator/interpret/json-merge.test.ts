// What is shipped of documents that JSON.MERGE and others write to before they are read.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HybridClock } from '../../model/clock.ts';
import { encodeStrings } from '../../resp/encode.ts';
import { FENCE_CHANNEL, FenceMaker } from '../apply/fence.ts';
import { Counters } from '../counters.ts';
import { Intake } from '../intake.ts';
import type { LiveOp } from '../live/live-op.ts';
import { testReplicas } from '../live/ops.fixture.ts';
import { LiveStreams } from '../live/streams/live-streams.ts';
import { mergeChanges } from './json-merge.ts';
import type { ReadRequest } from './reads.ts';

/** The ops of a member whose clients write these, at once and before the first read; then the engine shows these
 * texts at the paths that are read. `isLost`: the first read is, after so many commands. */
function opsOf(commands: string[], shown: Record<string, string>, lostAfter?: number): string[] {
  const ops: LiveOp[] = [];
  const reads: { token: string; requests: readonly ReadRequest[] }[] = [];
  const intake = new Intake({
    replicas: testReplicas(),
    self: 0,
    clock: new HybridClock(),
    visible: testReplicas().emptyVector(),
    fences: new FenceMaker(Buffer.from('secret')),
    port: {
      read: (_channel, token, requests) => reads.push({ token, requests }),
      hurry: () => {},
      notice: () => {},
    },
    counters: new Counters(),
    keyPositions: () => undefined,
    liveStreams: new LiveStreams({
      get: () => undefined,
      merged: () => undefined,
      isObserved: () => true,
    }),
    onOwnOp: (op) => ops.push(op),
    onApplied: () => undefined,
    isHeldBack: () => false,
    life: 7,
    onExpired: () => {},
  });
  intake.startAt(0);
  const feed = (...args: string[]): void => intake.feed(encodeStrings(args), 1_700_000_000_000);
  commands.forEach((command, i) => {
    feed(...command.split(' '));
    if (i + 1 !== lostAfter) return;
    intake.requestReads(() => true);
    reads.pop();
  });
  if (lostAfter !== undefined) intake.readLost();
  intake.requestReads(() => true);
  const { token, requests } = reads[0] as (typeof reads)[0];
  feed('SPUBLISH', FENCE_CHANNEL, token);
  intake.readDone(requests.map((request) => repliesTo(request, shown)));
  return ops.map((op) => op.args().join(' '));
}

function repliesTo(request: ReadRequest, shown: Record<string, string>) {
  assert.ok(request.kind === 'json');
  const items = request.reads.map(({ path }) => {
    const text = shown[path.join('.')];
    assert.ok(text !== undefined, path.join('.'));
    return { kind: 'bulk' as const, bytes: Buffer.from(`[${text}]`) };
  });
  return { kind: 'array' as const, items };
}

describe('JSON.MERGE', () => {
  test('is shipped member by member where the document was there before', () => {
    assert.deepEqual(opsOf(['JSON.MERGE d $ {"a":1,"b":null}'], { '': '{"a":1,"c":2}' }), [
      'JSON.SET d $.a 1',
      'JSON.DEL d $.b',
    ]);
  });

  test('may have made a document in which something else was written since', () => {
    const commands = ['JSON.MERGE d $ {"b":[7]}', 'JSON.SET d $.b [1]'];
    assert.deepEqual(opsOf(commands, { '': '{"b":[1]}' }).at(-1), 'JSON.SET d $ {"b":[1]}');
  });

  test('has not made one that shows more than was written', () => {
    const commands = ['JSON.MERGE d $ {"a":1}', 'JSON.SET d $.b 2'];
    assert.deepEqual(opsOf(commands, { '': '{"a":1,"b":2,"c":3}' }), [
      'JSON.SET d $.b 2',
      'JSON.SET d $.a 1',
    ]);
  });

  test('may have made a document together with another one', () => {
    const commands = ['JSON.MERGE d $ {"a":1}', 'JSON.MERGE d $ {"b":2,"a":3}'];
    assert.deepEqual(opsOf(commands, { '': '{"a":3,"b":2}' }), ['JSON.SET d $ {"a":3,"b":2}']);
    const lost = opsOf(commands, { '': '{"a":3,"b":2}' }, 1);
    assert.deepEqual(lost, ['JSON.SET d $ {"a":3,"b":2}']);
  });

  test('may have made an object within', () => {
    const commands = ['JSON.MERGE d $ {"o":{"a":1}}', 'JSON.SET d $.o.b 2'];
    assert.deepEqual(
      opsOf(commands, { '': '{"o":{"a":1,"b":2},"c":3}' }).at(-1),
      'JSON.SET d $.o {"a":1,"b":2}',
    );
  });

  test('that came before a removal of the document is gone with it', () => {
    const commands = ['JSON.MERGE d $ {"a":1}', 'DEL d', 'JSON.MERGE d $ {"b":1}'];
    assert.deepEqual(opsOf(commands, { '': '{"b":1}' }), ['DEL d', 'JSON.SET d $ {"b":1}']);
  });

  test('makes what a patch says, whatever was there', () => {
    const merged = { patches: ['5', '{"a":{"b":null,"c":1}}'], since: [] };
    const result = '{"a":{"c":1}}';
    assert.deepEqual(mergeChanges(['x'], merged, result), [{ path: ['x'], text: result }]);
  });
});

describe('what is added', () => {
  test('counts once, where it is in what was merged', () => {
    const commands = ['JSON.MERGE d $ {"n":1}', 'JSON.NUMINCRBY d $.n 2'];
    const ops = opsOf(commands, { '': '{"n":3}', n: '3' });
    assert.deepEqual(ops, ['JSON.SET d $ {"n":3}', 'JSON.SET d $.n 3']);
  });

  test('adds up with what others add, where what was merged is something else', () => {
    const commands = ['JSON.MERGE d $ {"a":1}', 'JSON.NUMINCRBY d $.n 2'];
    const ops = opsOf(commands, { '': '{"a":1,"n":3,"b":0}', n: '3' });
    assert.deepEqual(ops, ['JSON.SET d $.a 1', 'JSON.NUMINCRBY d $.n 2']);
  });

  test('counts once, where an element was assigned since by its place from the end', () => {
    const commands = ['JSON.NUMINCRBY d $.l[1] 2', 'JSON.SET d $.l[-1] 7'];
    const ops = opsOf(commands, { 'l.1': '7' });
    assert.deepEqual(ops, ['JSON.SET d $.l[-1] 7', 'JSON.SET d $.l[1] 7']);
  });
});
