// What is to be removed from a host that did not answer: written down beside the host's file, and done when it is back,
// before anything new is placed there.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import { HostClient } from './host-client.ts';

const REMOVE_MS_MAX = 60_000;

const removalSchema = z.discriminatedUnion('what', [
  z.strictObject({ what: z.literal('engine'), runtime: z.string() }),
  z.strictObject({ what: z.literal('member'), group: z.string(), region: z.string() }),
]);
export type Removal = z.infer<typeof removalSchema>;

/** Removes it, now or as soon as the host answers. On one that was forgotten nothing is left to remove. */
export async function removeFromHost(hostFile: string, removal: Removal): Promise<void> {
  try {
    await remove(hostFile, removal);
  } catch (error) {
    if (!isCode(error, 'HOST_UNREACHABLE')) throw error;
    write(hostFile, [...read(hostFile), removal]);
  }
}

/** Does what is still to be done there. Throws OperatorError when the host does not answer. */
export async function settleRemovals(hostFile: string): Promise<void> {
  for (const removal of read(hostFile)) {
    await remove(hostFile, removal);
    const done = JSON.stringify(removal);
    write(
      hostFile,
      read(hostFile).filter((one) => JSON.stringify(one) !== done),
    );
  }
}

export function forgetRemovals(hostFile: string): void {
  rmSync(listOf(hostFile), { force: true });
}

async function remove(hostFile: string, removal: Removal): Promise<void> {
  const host = new HostClient(hostFile);
  try {
    if (removal.what === 'engine') {
      await host.call('engine-remove', { runtime: removal.runtime }, REMOVE_MS_MAX);
    } else {
      const { group, region } = removal;
      await host.call('member-remove', { group, region }, REMOVE_MS_MAX);
    }
  } catch (error) {
    if (!isCode(error, 'HOST_FORGOTTEN')) throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof OperatorError && error.code === code;
}

function read(hostFile: string): Removal[] {
  const file = listOf(hostFile);
  if (!existsSync(file)) return [];
  return z.array(removalSchema).parse(JSON.parse(readFileSync(file, 'utf8')));
}

function write(hostFile: string, removals: readonly Removal[]): void {
  const file = listOf(hostFile);
  writeFileSync(`${file}.new`, `${JSON.stringify(removals)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function listOf(hostFile: string): string {
  return hostFile.replace(/\.json$/, '.removals');
}
