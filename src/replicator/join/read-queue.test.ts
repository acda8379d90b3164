// Bytes leave the queue as they came, however they were read and written.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReadQueue } from './read-queue.ts';

const step = fc.oneof(
  fc.record({ do: fc.constant('read' as const), bytes: fc.integer({ min: 1, max: 200_000 }) }),
  fc.record({ do: fc.constant('write' as const), bytes: fc.integer({ min: 1, max: 300_000 }) }),
  fc.record({ do: fc.constant('take' as const), bytes: fc.constant(0) }),
);

test('what is read comes out in order, and stays as it is until it is released', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new ReadQueue();
      let [read, written] = [0, 0];
      let room = queue.room();
      const check = (bytes: Buffer): void => {
        for (let i = 0; i < bytes.length; i += 997) assert.equal(bytes[i], (written + i) % 251);
      };
      for (const { do: what, bytes } of steps) {
        if (what === 'read') {
          const count = Math.min(bytes, room.length);
          assert.ok(count > 0, 'there is always room');
          for (let i = 0; i < count; i++) room[i] = (read + i) % 251;
          read += count;
          queue.filled(count);
          room = queue.room();
        } else if (what === 'write') {
          const front = queue.front();
          assert.equal(front.length > 0, read > written);
          check(front);
          const count = Math.min(bytes, front.length);
          if (count > 0) queue.release(count);
          written += count;
        } else {
          const taken = queue.take();
          assert.equal(taken.length, read - written);
          check(taken);
          written += taken.length;
        }
        assert.equal(queue.length, read - written);
      }
    }),
    { numRuns: 30 },
  );
});
