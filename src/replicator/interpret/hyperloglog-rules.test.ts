// HyperLogLogs from the stream to ops: the commands, and what is read because of them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HybridClock } from '../../model/clock.ts';
import { OpFlag } from '../../model/op.ts';
import { Command } from '../../resp/command.ts';
import { encodeStrings } from '../../resp/encode.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import { FENCE_CHANNEL, FenceMaker } from '../apply/fence.ts';
import { Counters } from '../counters.ts';
import { Intake } from '../intake.ts';
import type { LiveOp } from '../live/live-op.ts';
import { received, testOrigins, testReplicas } from '../live/ops.fixture.ts';
import { LiveStreams } from '../live/streams/live-streams.ts';
import { Shadows } from './shadows.ts';

const NOW_MS = 1_700_000_000_000;
/** What the engine says for a HyperLogLog without elements. */
const EMPTY = `HYLL\x01${'\0'.repeat(11)}\x7f\xff`;
const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text, 'latin1') });
const array = (...items: Reply[]): Reply => ({ kind: 'array', items });
const string = (text: string, expiry = '-1'): Reply =>
  array(bulk('string'), bulk(expiry), bulk(text));

/** The intake of a member whose engine answers every read with what `stored` says. */
class Member {
  readonly ops: LiveOp[] = [];
  readonly intake: Intake;
  reads = 0;
  #token: string | undefined;

  constructor() {
    this.intake = new Intake({
      replicas: testReplicas(),
      self: 0,
      clock: new HybridClock(),
      visible: testReplicas().emptyVector(),
      fences: new FenceMaker(Buffer.from('secret')),
      port: {
        read: (_channel, token) => {
          this.#token = token;
        },
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
      onOwnOp: (op) => this.ops.push(op),
      onApplied: () => undefined,
      isHeldBack: () => false,
      life: 7,
      onExpired: () => {},
    });
    this.intake.startAt(0);
  }

  feed(...commands: (string | readonly string[])[]): this {
    for (const command of commands) {
      const args = typeof command === 'string' ? command.split(' ') : command;
      this.intake.feed(encodeStrings(args), NOW_MS);
    }
    return this;
  }

  /** Carries out the reads that are wanted; `between` happens before they reach their place. */
  read(reply: Reply, ...between: string[]): this {
    this.intake.requestReads(() => true);
    const token = this.#token;
    if (token === undefined) return this;
    this.#token = undefined;
    this.reads++;
    this.feed(...between, ['SPUBLISH', FENCE_CHANNEL, token]);
    this.intake.readDone([reply]);
    return this;
  }

  /** The commands of its ops; those of a DEL that makes way are marked. */
  get written(): string[] {
    return this.ops.map((op) => {
      const mark = (op.flags & OpFlag.makesWay) === 0 ? '' : ' (makes way)';
      return op.args().join(' ') + mark;
    });
  }
}

describe('HyperLogLogs', () => {
  test('PFADD is its own op, PFCOUNT is none', () => {
    const member = new Member().feed('PFADD k x', 'PFCOUNT k', 'PFADD empty');
    assert.deepEqual(member.written, ['PFADD k x', 'PFADD empty']);
  });

  test('PFMERGE ships what the destination has behind it, as a union', () => {
    const member = new Member().feed('PFMERGE d a b').read(string(EMPTY), 'PFADD d y');
    assert.deepEqual(member.written, [`PFMERGE d ${EMPTY}`]);
  });

  test('with a change of the expiry in between it ships the whole', () => {
    const member = new Member().feed('PFMERGE d a');
    member.read(string(EMPTY, '1800000000000'), 'PEXPIREAT d 1800000000000');
    assert.deepEqual(member.written, [
      'DEL d (makes way)',
      `PFMERGE d ${EMPTY}`,
      'PEXPIREAT d 1800000000000',
    ]);
  });

  test('with a DEL in between it ships that', () => {
    const member = new Member().feed('PFMERGE d a').read(array(bulk('none')), 'DEL d');
    assert.deepEqual(member.written, ['DEL d']);
  });

  test('what was merged is gone when a write of elsewhere took its place meanwhile', () => {
    for (const reply of [array(bulk('none')), string('plain')]) {
      assert.deepEqual(new Member().feed('PFMERGE d a').read(reply).written, []);
    }
  });

  test('whole values are unions too, and take away only what they had observed', () => {
    const member = new Member().feed('COPY a b').read(string(EMPTY));
    assert.deepEqual(member.written, ['DEL b (makes way)', `PFMERGE b ${EMPTY}`]);
    const renamed = new Member().feed('RENAME a b').read(string(EMPTY));
    assert.deepEqual(renamed.written, [
      'DEL a (makes way)',
      'DEL b (makes way)',
      `PFMERGE b ${EMPTY}`,
    ]);
  });

  test('an assertion of a key that is gone makes way, a DEL does not', () => {
    const member = new Member().feed('DEL k');
    member.intake.assert('k', { kind: 'whole' }, NOW_MS);
    member.intake.tick(NOW_MS + 1000);
    assert.deepEqual(member.read(array(bulk('none'))).written, ['DEL k', 'DEL k (makes way)']);
  });

  test('SET of one is read, whatever command says it', () => {
    const commands: string[][] = [
      ['SET', 'k', EMPTY],
      ['SET', 'k', EMPTY, 'PXAT', '1800000000000'],
      ['SET', 'k', EMPTY, 'KEEPTTL'],
      ['GETSET', 'k', EMPTY],
      ['MSET', 'k', EMPTY],
    ];
    for (const command of commands) {
      const member = new Member().feed(command).read(string(EMPTY));
      assert.deepEqual(member.written, ['DEL k (makes way)', `PFMERGE k ${EMPTY}`]);
    }
    assert.deepEqual(new Member().feed('SET k HYLL').written, ['SET k HYLL']);
  });
});

describe('string commands on a HyperLogLog, whose bytes differ between regions', () => {
  const EDITS = ['APPEND k x', 'SETRANGE k 1 x', 'SETBIT k 1 1', 'BITFIELD k SET u8 0 1'];

  test('are read', () => {
    for (const edit of EDITS) {
      const member = new Member().feed('PFADD k e', edit).read(string('HYxx'));
      assert.deepEqual(member.written, ['PFADD k e', 'SET k HYxx'], edit);
    }
  });

  test('also where it came from another region', () => {
    const [, other] = testOrigins();
    const op = other?.write('PFADD k e') as LiveOp;
    for (const edit of EDITS) {
      const member = new Member();
      member.intake.noteRemote(received(op));
      assert.deepEqual(member.feed(edit).read(string('x')).written, ['SET k x'], edit);
    }
  });

  test('also where it replaced another value there, in one batch', () => {
    const shadows = new Shadows();
    shadows.keepHyperLogLog('k');
    const parser = new StreamParser();
    const command = new Command();
    // The echo of a whole value.
    for (const text of ['UNLINK k', 'SET t value', 'PFMERGE k t', 'UNLINK t']) {
      const args = text.split(' ');
      parser.feed(encodeStrings(args));
      parser.next(command);
      shadows.follow(args[0] as string, command);
    }
    assert.equal(shadows.isHyperLogLog('k'), true);
  });

  test('and where it was a source, a target, or was read before', () => {
    for (const before of ['PFMERGE d k', 'BITOP NOT d k', 'COPY k d', 'PFCOUNT k', 'PERSIST k']) {
      const member = new Member().feed('PFADD k e', before).read(array(bulk('none')));
      const { reads } = member;
      assert.equal(member.feed('APPEND k x').read(string('x')).reads, reads + 1, before);
    }
  });

  test('pass as they are on any other string', () => {
    for (const before of ['DEL k', 'SET k v', 'SET j v', 'RENAME k j']) {
      const member = new Member().feed('PFADD k e', before).read(array(bulk('none')));
      const { reads } = member;
      assert.equal(
        member.feed('APPEND k x').read(string('x')).reads,
        before === 'SET j v' ? reads + 1 : reads,
      );
    }
  });
});
