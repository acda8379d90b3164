// Frames and directories for the tests of log and links.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OP_KIND_MAX } from '../../model/op.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { FrameWriter, sealFrame } from '../../wire/frame.ts';

/** A sealed frame of `count` ops, each with about `opBytes` of payload. */
export function makeFrame(
  origin: ReplicaId,
  firstSeq: number,
  count: number,
  opBytes = 40,
  fill = 'x',
): Buffer {
  const writer = new FrameWriter(origin);
  const raw = Buffer.alloc(opBytes, fill);
  writer.begin([], firstSeq, firstSeq * 4096, 1, count * (raw.length + 12));
  for (let i = 0; i < count; i++) writer.add(OP_KIND_MAX, 0, 0, 1, raw, 0, raw.length);
  return sealFrame(writer.end(0));
}

/** A directory that is gone when the test is over. */
export function temporaryDirectory(test: { after(done: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-test-'));
  test.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
