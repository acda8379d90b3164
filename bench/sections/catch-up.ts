// How far replication falls behind when clients write as fast as the engine takes it, told by the
// time it needs afterwards.

import { setTimeout as sleep } from 'node:timers/promises';
import { infoNumber } from '../control.ts';
import { loadUntilStopped } from '../redis-benchmark.ts';
import type { Measurement } from '../report.ts';
import { type Context, inTurns, VALUE } from './context.ts';

const PIPELINE = 16;

export async function catchUp(context: Context): Promise<Measurement[]> {
  const { seconds } = context.plan.catchUp;
  const command = ['SET', 'key:__rand_int__', VALUE];
  const turns = await inTurns(context, 1, async (pair) => {
    context.progress(`catch-up: ${pair.system.name}, ${seconds} s flat out`);
    const commandsBefore = infoNumber(await pair.writer.info('stats'), 'total_commands_processed');
    const run = { endpoint: pair.system.writer, command, pipeline: PIPELINE };
    const load = loadUntilStopped(context.benchmark, run, context.cleanup);
    // Without `ref`: an interrupted benchmark must not wait for this timer to end.
    await Promise.race([sleep(seconds * 1000, undefined, { ref: false }), load.failed]);
    await load.stop();
    const endMs = performance.now();
    const commandsAfter = infoNumber(await pair.writer.info('stats'), 'total_commands_processed');
    await pair.untilLevel();
    return {
      levelMs: performance.now() - endMs,
      commandsPerSecond: (commandsAfter - commandsBefore) / seconds,
    };
  });
  const section = `after ${seconds} s of SET flat out at pipeline ${PIPELINE}`;
  return [
    {
      section,
      name: 'time until the reader is level',
      unit: 'ms',
      baseline: turns.baseline[0]?.levelMs ?? null,
      candidate: turns.candidate[0]?.levelMs ?? null,
    },
    {
      section,
      name: 'commands at the writer meanwhile',
      unit: 'ops/s',
      baseline: turns.baseline[0]?.commandsPerSecond ?? null,
      candidate: turns.candidate[0]?.commandsPerSecond ?? null,
    },
  ];
}
