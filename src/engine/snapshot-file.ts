// Saves what an engine holds to a file, over the network: as a replica that wants nothing but a snapshot.
// The engine serves its clients meanwhile, as at any full synchronisation.

import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { OperatorError } from '../base/errors.ts';
import type { EngineEndpoint } from './client.ts';
import { streamSnapshot } from './snapshot-stream.ts';

export interface SnapshotWish {
  readonly engine: EngineEndpoint;
  /** Is written anew; there is none when the saving fails. */
  readonly file: string;
  /** How many bytes there are by now. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Returns the size of the file. Throws OperatorError SNAPSHOT_NOT_SAVED. */
export async function saveSnapshot(wish: SnapshotWish): Promise<number> {
  const { engine, file, signal, onBytes } = wish;
  const output = createWriteStream(file, { mode: 0o600 });
  const failed = new AbortController();
  const outputEnd = finished(output);
  outputEnd.catch((error: unknown) => failed.abort(error));
  const ended = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    let saved = 0;
    for await (const bytes of streamSnapshot(engine, ended)) {
      saved += bytes.length;
      if (!output.write(bytes)) await once(output, 'drain', { signal: ended });
      onBytes?.(saved);
    }
    output.end();
    await outputEnd;
    return saved;
  } catch (error) {
    const why = asError(failed.signal.aborted ? failed.signal.reason : error).message;
    output.destroy();
    await outputEnd.catch(() => {});
    rmSync(file, { force: true });
    throw new OperatorError(
      'SNAPSHOT_NOT_SAVED',
      `what engine ${engine.host}:${engine.port} holds was not saved to ${file}: ${why}`,
      'Check the engine, its memory and the disk.',
    );
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
