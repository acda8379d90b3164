// Hands a copy of the donor's log over, as it was at the cut: in pieces, so that the links and clients of
// the donor are served in between.

import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RECORD_HEADER_BYTES, RecordType, sealRecord } from '../../wire/record.ts';
import { encodeLogEnd, encodeLogManifest } from './messages.ts';
import type { Throttle } from './throttle.ts';

const PIECE_BYTES = 1024 * 1024;
const THROTTLE_CHECK_MS = 250;

/** The donor's log and the place in its engine's stream that its end stands for. */
export interface Cut {
  /** Offset in the stream of the donor's engine: the log holds all of the stream up to here. */
  readonly position: number;
  /** Of the donor's engine. */
  readonly replicationId: string;
  /** The donor's replica id. */
  readonly self: number;
  /** In order; `bytes` is the length at the cut, a file may have grown since. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Lets the files go; called once. */
  release(): void;
}

/** Resolves when the operating system has all of it; rejects when the link or a file breaks. */
export async function sendLog(
  link: Socket,
  cut: Cut,
  throttle: Throttle,
  onSent: (bytes: number) => void,
): Promise<void> {
  const held = cut.files.filter(({ bytes }) => bytes > 0);
  const files = held.map(({ path, bytes }) => ({ name: basename(path), bytes }));
  const { position, replicationId, self } = cut;
  await write(link, encodeLogManifest({ position, replicationId, self, files }));
  let sent = 0;
  for (const { path, bytes } of held) {
    const file = await open(path, 'r');
    try {
      for (let at = 0; at < bytes; ) {
        const piece = await readPiece(file, path, at, Math.min(PIECE_BYTES, bytes - at));
        await allowed(throttle);
        await write(link, piece);
        throttle.spend(piece.length);
        at += piece.length - RECORD_HEADER_BYTES;
        sent += piece.length - RECORD_HEADER_BYTES;
        onSent(piece.length);
      }
    } finally {
      await file.close();
    }
  }
  await write(link, encodeLogEnd({ files: files.length, bytes: sent }));
}

/** A record with `bytes` of the file at `at`. */
async function readPiece(file: FileHandle, path: string, at: number, bytes: number) {
  const piece = Buffer.allocUnsafeSlow(RECORD_HEADER_BYTES + bytes);
  for (let filled = 0; filled < bytes; ) {
    const start = RECORD_HEADER_BYTES + filled;
    const { bytesRead } = await file.read(piece, start, bytes - filled, at + filled);
    if (bytesRead === 0) throw new Error(`${path} has become shorter`);
    filled += bytesRead;
  }
  sealRecord(piece, 0, piece.length, RecordType.logPiece);
  return piece;
}

async function allowed(throttle: Throttle): Promise<void> {
  while (throttle.allowance(performance.now()) < 1) {
    // The limit may be lifted meanwhile.
    await sleep(Math.min(THROTTLE_CHECK_MS, throttle.waitMs));
  }
}

async function write(link: Socket, bytes: Buffer): Promise<void> {
  if (link.destroyed) throw new Error('the newcomer closed the connection');
  if (link.write(bytes)) return;
  const ended = new AbortController();
  const gone = (): void => ended.abort(new Error('the newcomer closed the connection'));
  link.once('close', gone);
  try {
    await once(link, 'drain', { signal: ended.signal });
  } finally {
    link.off('close', gone);
  }
}
