// Exports what an engine holds as an RDB file. The engine sends it as to a replica, and piece by piece it goes on to
// its place: nothing is kept in memory or on the engine's disk. A file is complete or not there; so is a blob.

import { open, rename, rm } from 'node:fs/promises';
import { OperatorError } from '../../base/errors.ts';
import type { EngineEndpoint } from '../../engine/client.ts';
import { streamSnapshot } from '../../engine/snapshot-stream.ts';
import { putBlob } from './blobs.ts';
import type { Place } from './places.ts';

export interface ExportWish {
  readonly engine: EngineEndpoint;
  /** The file itself. */
  readonly target: Place;
  readonly signal: AbortSignal;
}

/** Returns how many bytes it has. Throws OperatorError. */
export async function exportData({ engine, target, signal }: ExportWish): Promise<number> {
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    try {
      for await (const piece of streamSnapshot(engine, signal)) {
        bytes += piece.length;
        yield piece;
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new OperatorError(
        'SNAPSHOT_FAILED',
        `the engine gives no snapshot: ${why}`,
        'Check the engine and its memory, and export again.',
      );
    }
  };
  if (target.kind === 'blob') await putBlob(target.url, counted(), signal);
  else await writeFile(target.path, counted());
  return bytes;
}

async function writeFile(path: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  const unfinished = `${path}.unfinished`;
  try {
    // A link that somebody has put in its place is not followed.
    await rm(unfinished, { force: true });
    const file = await open(unfinished, 'wx', 0o600);
    try {
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw fileError(path, error);
  }
}

function fileError(path: string, error: unknown): Error {
  if (error instanceof OperatorError) return error;
  const why = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new OperatorError(
      'EXPORT_NO_SPACE',
      `the disk of ${path} is full`,
      'Make room, or export to another place.',
    );
  }
  return new OperatorError(
    'EXPORT_NOT_WRITTEN',
    `${path} cannot be written: ${why}`,
    'Check the folder and its rights.',
  );
}
