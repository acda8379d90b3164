// A first load on both systems that does not count. A runtime that compiles as it goes spends seconds of
// CPU on that after it has started; what a system costs from then on is the question.

import { runLoad } from '../load/run.ts';
import { type Context, inTurns } from './context.ts';
import { pacedLoad, SETS } from './paced-load.ts';

export async function warmUp(context: Context): Promise<void> {
  const { seconds, writesPerSecond } = context.plan.warmUp;
  await inTurns(context, 1, async (pair) => {
    context.progress(`warming up: ${pair.system.name}`);
    for (const rate of [0, writesPerSecond]) {
      const pace = { endpoint: pair.system.writer, rate, seconds };
      await runLoad(pacedLoad(SETS, pace), context.cleanup);
      await pair.untilLevel();
    }
  });
}
