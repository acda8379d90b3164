// Who is stale for a replicator, in its state directory: it must know after a crash what it has said.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../../base/errors.ts';
import { syncDirectory } from '../log/sync-directory.ts';
import { NOBODY_STALE, type StaleState } from './staleness.ts';

const entriesSchema = z.array(z.tuple([z.int().min(1), z.int().min(0)]));
const stateSchema = z.strictObject({ epoch: z.int(), found: entriesSchema, agreed: entriesSchema });

function staleFile(dir: string): string {
  return join(dir, 'stale.json');
}

/** Throws OperatorError when there is one that cannot be understood. */
export function readStaleState(dir: string): StaleState {
  let text: string;
  try {
    text = readFileSync(staleFile(dir), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NOBODY_STALE;
    throw unreadable(dir, error);
  }
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw unreadable(dir, error);
  }
}

/** It is on disk when this returns. Throws what the operating system says. */
export function writeStaleState(dir: string, state: StaleState): void {
  const file = staleFile(dir);
  const handle = openSync(`${file}.new`, 'w', 0o600);
  try {
    writeSync(handle, `${JSON.stringify(state)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(`${file}.new`, file);
  syncDirectory(dir);
}

function unreadable(dir: string, error: unknown): OperatorError {
  return new OperatorError(
    'STALE_FILE_UNREADABLE',
    `${staleFile(dir)} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    'Restore the file; else wipe this member and fill it again.',
  );
}
