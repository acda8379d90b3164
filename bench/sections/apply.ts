// How fast the other side takes in what it missed: keys are written while replication is cut, then
// the cut is healed and nobody writes any more.

import type { Pair } from '../control.ts';
import type { LoadOptions } from '../load/messages.ts';
import { runLoad } from '../load/run.ts';
import type { Measurement } from '../report.ts';
import { median } from '../statistics.ts';
import { type Context, inTurns, VALUE } from './context.ts';

const PREFIX = 'apply:';

export async function apply(context: Context): Promise<Measurement[]> {
  const { rounds, keys } = context.plan.apply;
  const turns = await inTurns(context, rounds, async (pair, round) => {
    context.progress(`apply: ${pair.system.name}, round ${round + 1} of ${rounds}`);
    return applyRate(context, pair, keys);
  });
  return [
    {
      section: 'catching up once writers have stopped',
      name: `${keys.toLocaleString('en-US')} SETs of distinct keys`,
      unit: 'ops/s',
      baseline: median(turns.baseline),
      candidate: median(turns.candidate),
      target: { of: 'value', bound: 'atLeast', limit: 200_000 },
    },
  ];
}

async function applyRate(context: Context, pair: Pair, keys: number): Promise<number> {
  const load: LoadOptions = {
    endpoint: pair.system.writer,
    workload: 'set',
    keyPrefix: PREFIX,
    keys,
    valueBytes: VALUE.length,
    rate: 0,
    seconds: 0,
    connections: 4,
  };
  await pair.system.cut();
  await runLoad(load, context.cleanup);
  const startMs = performance.now();
  await pair.system.heal();
  await pair.untilLevel();
  const seconds = (performance.now() - startMs) / 1000;
  await runLoad({ ...load, workload: 'unlink' }, context.cleanup);
  await pair.untilLevel();
  return keys / seconds;
}
