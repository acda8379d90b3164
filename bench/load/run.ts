// Starts the load processes and waits for what they found.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import type { Cleanup } from '../cleanup.ts';
import { type JoinerOptions, type JoinResult, joinResultSchema } from './joining.ts';
import {
  failureSchema,
  type LoadOptions,
  type LoadResult,
  loadResultSchema,
  type ProbeOptions,
  type ProbeResult,
  probeResultSchema,
} from './messages.ts';

/** Runs the load generator to its end; rejects with the server's words when a write was refused. */
export function runLoad(options: LoadOptions, cleanup: Cleanup): Promise<LoadResult> {
  return runProcess('generator.ts', options, loadResultSchema, cleanup);
}

/** Measures replication lag for a while. */
export function runProbes(options: ProbeOptions, cleanup: Cleanup): Promise<ProbeResult> {
  return runProcess('prober.ts', options, probeResultSchema, cleanup);
}

/** Lets a new member join; resolves when it has everything. */
export function runJoin(options: JoinerOptions, cleanup: Cleanup): Promise<JoinResult> {
  return runProcess('joiner.ts', options, joinResultSchema, cleanup);
}

async function runProcess<Result>(
  file: string,
  options: object,
  resultSchema: z.ZodType<Result>,
  cleanup: Cleanup,
): Promise<Result> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(options)]);
  const forget = cleanup.defer(() => {
    child.kill('SIGKILL');
  });
  try {
    const message = await new Promise<unknown>((resolve, reject) => {
      child.once('message', resolve);
      child.once('error', reject);
      child.once('exit', (code) => {
        reject(new Error(`${file} ended without a result (exit code ${code})`));
      });
    });
    const failure = failureSchema.safeParse(message);
    if (failure.success) throw new Error(failure.data.message);
    return resultSchema.parse(message);
  } finally {
    forget();
  }
}
