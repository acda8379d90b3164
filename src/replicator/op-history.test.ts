// Own ops are found again also before they are in the log, whatever stands between them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Replicas } from '../model/version-vector.ts';
import { type TestOrigin, testOrigins } from './live/ops.fixture.ts';
import { LoggedOps } from './op-history.ts';

const EMPTY_LOG = { frameWith: () => undefined };

test('messages take sequences among the own ops that are not in the log yet', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (areMessages) => {
      const own = testOrigins()[0] as TestOrigin;
      const history = new LoggedOps(new Replicas([1, 2, 3]), 0, EMPTY_LOG);
      const noted = areMessages.flatMap((isMessage) => {
        const op = own.write(isMessage ? 'PUBLISH channel text' : 'SET k v');
        if (!isMessage) history.note(op);
        return isMessage ? [] : [op];
      });
      for (const op of noted) assert.equal(history.read(op.key, op.origin, op.seq), op);
    }),
  );
});

test('an op that is in the log is read from there', () => {
  const own = testOrigins()[0] as TestOrigin;
  const history = new LoggedOps(new Replicas([1, 2, 3]), 0, EMPTY_LOG);
  const op = own.write('SET k v');
  history.note(op);
  history.logged();
  assert.throws(() => history.read(op.key, op.origin, op.seq), /is in the log/);
});
