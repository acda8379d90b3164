import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attempt } from './apply/applier.ts';
import { Counters } from './counters.ts';
import { LiveIndex } from './live/live-index.ts';
import { type TestOrigin, testOrigins } from './live/ops.fixture.ts';
import { Refusals } from './refusal.ts';

/** What becomes of a command that was refused with this message. */
function refused(command: string, message: string) {
  const [origin] = testOrigins();
  const counters = new Counters();
  const [written, notices, settled]: string[][] = [[], [], []];
  const port = {
    write: (args: readonly string[]) => void written?.push(args.join(' ')),
    notice: (_level: string, text: string) => void notices?.push(text),
  };
  const op = (origin as TestOrigin).write(command);
  const index = new LiveIndex(1, 3, () => {});
  const refusals = new Refusals(index, counters, port, (key) => settled?.push(key));
  const attempt: Pick<Attempt, 'owners' | 'refusedKeys'> = { owners: [op, op] };
  refusals.of([{ index: 1, message }], attempt);
  const isMergedAtOnce = index.merged('k') !== undefined;
  index.integrate(op);
  refusals.afterOp(op, attempt);
  const isMerged = index.merged('k') !== undefined;
  assert.ok(!isMergedAtOnce);
  return { written, notices, settled, isMerged, errors: counters.applyErrors };
}

test('an entry of a stream that is refused has its key written again, and is told of', () => {
  const message =
    'ERR The ID specified in XADD is equal or smaller than the target stream top item';
  assert.deepEqual(refused('XADD k 5-1 f v', message), {
    written: [],
    notices: [`an applied command was refused: ${message}`],
    // Both when it is refused and when it is visible: the key may be known of only then.
    settled: ['k', 'k'],
    isMerged: true,
    errors: 1,
  });
});

test('an increment that leaves the range is corrected, without a word', () => {
  const { written, notices, settled } = refused('INCRBY k 5', 'ERR increment would overflow');
  assert.deepEqual([written, notices, settled], [['SET k 9223372036854775807 KEEPTTL'], [], []]);
});

test('where the greater last ID stays nothing is wrong', () => {
  const message = 'ERR The ID specified in XSETID is smaller than the target stream top item';
  const { written, notices, errors } = refused('XSETID k 5-1', message);
  assert.deepEqual([written, notices, errors], [[], [], 0]);
});
