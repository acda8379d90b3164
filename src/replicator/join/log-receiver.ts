// The newcomer takes the donor's log. It is written beside its place and moved there when all of it is
// on disk: a transfer that breaks leaves nothing that could be taken for a log.

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CorruptInput } from '../../base/errors.ts';
import { RecordType, recordBody } from '../../wire/record.ts';
import { syncDirectory } from '../log/sync-directory.ts';
import { writeFailure } from '../log/write-failure.ts';
import { decodeLogEnd, decodeLogManifest, type LogManifest } from './messages.ts';
import type { OpenTunnel } from './tunnel-client.ts';

/**
 * Receives the log into `dir`, which must not exist. Throws CorruptInput when it is not what was
 * announced, OperatorError when it cannot be written, and what the socket says when it breaks.
 * `onManifest` is called before any of it is written, `onBytes` as they come.
 */
export async function receiveLog(
  tunnel: OpenTunnel,
  dir: string,
  events: { onManifest(manifest: LogManifest): void; onBytes(bytes: number): void },
): Promise<LogManifest> {
  const partial = `${dir}.partial`;
  const { socket, reader, answer } = tunnel;
  const manifest = decodeLogManifest(answer);
  events.onManifest(manifest);
  const files = new FilesWriter(partial, manifest);
  try {
    let isOver = takeRecords(tunnel, files);
    if (!isOver) {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        events.onBytes(chunk.length);
        reader.feed(chunk);
        isOver = takeRecords(tunnel, files);
        if (isOver) break;
      }
    }
    if (!isOver) throw new CorruptInput('the connection ended before the log did');
    files.finish();
    attempt(dir, () => {
      renameSync(partial, dir);
      syncDirectory(dirname(dir));
    });
    return manifest;
  } catch (error) {
    files.discard();
    throw error;
  } finally {
    socket.destroy();
  }
}

/** True: that was the end. */
function takeRecords({ reader }: OpenTunnel, files: FilesWriter): boolean {
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (record.type === RecordType.logPiece) files.write(recordBody(record));
    else if (record.type === RecordType.logEnd) {
      const { files: count, bytes } = decodeLogEnd(record);
      files.judgeEnd(count, bytes);
      return true;
    } else throw new CorruptInput(`record of type ${record.type} in a log that is handed over`);
  }
  return false;
}

/** Writes the announced files, in order. */
class FilesWriter {
  readonly #dir: string;
  readonly #files: LogManifest['files'];
  #index = 0;
  #written = 0;
  #total = 0;
  #file: number | undefined;

  constructor(dir: string, { files }: LogManifest) {
    this.#dir = dir;
    this.#files = files;
    attempt(dir, () => {
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir, { recursive: true });
    });
  }

  write(bytes: Buffer): void {
    const file = this.#files[this.#index];
    if (file === undefined || this.#written + bytes.length > file.bytes) {
      throw new CorruptInput('a log that is longer than announced');
    }
    const path = join(this.#dir, file.name);
    attempt(path, () => {
      this.#file ??= openSync(path, 'wx', 0o600);
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    });
    this.#written += bytes.length;
    this.#total += bytes.length;
    if (this.#written === file.bytes) this.#close(path);
  }

  judgeEnd(files: number, bytes: number): void {
    const announced = this.#files.reduce((sum, file) => sum + file.bytes, 0);
    if (files === this.#files.length && bytes === announced && this.#total === announced) return;
    throw new CorruptInput(`a log of ${announced} bytes was announced, ${this.#total} came`);
  }

  finish(): void {
    attempt(this.#dir, () => syncDirectory(this.#dir));
  }

  discard(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #close(path: string): void {
    attempt(path, () => {
      fsyncSync(this.#file as number);
      closeSync(this.#file as number);
    });
    this.#file = undefined;
    this.#index++;
    this.#written = 0;
  }
}

function attempt<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw writeFailure(path, error);
  }
}
