// Writes of a member that was unlinked which nobody else has: they are kept in a file, one JSON object per line,
// for people to look at, and to make again as new writes where they still matter.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import { millisecondsOf } from '../model/clock.ts';
import { OpKind } from '../model/op.ts';
import type { ReplicaId } from '../model/version-vector.ts';
import { decodeArguments } from '../resp/decode.ts';
import { decodeFrameHeader, OpCursor } from '../wire/frame.ts';

const opSchema = z.strictObject({
  seq: z.int(),
  /** When it was made, by the clock of its region: ms since the epoch. */
  atMs: z.number(),
  /** One character per byte. */
  key: z.string(),
  /** As an engine runs it; absent: it follows from others, and cannot be made again by itself. */
  command: z.array(z.string()).optional(),
});

export type QuarantinedOp = z.infer<typeof opSchema>;

/** Where frames of ops are. */
export interface FrameSource {
  frameAfter(origin: ReplicaId, seq: number): Buffer | undefined;
}

/** Names of ops that no engine knows. */
const NO_COMMANDS: ReadonlySet<string> = new Set([
  'ZRETAIN',
  'LREMAT',
  'LINSERTAT',
  'XTRIMBUT',
  'XDONE',
  'JSONADD',
  'LIBRARIES',
]);

/** The ops of `origin` beyond `kept`, in order. */
export function* opsBeyond(
  frames: FrameSource,
  origin: ReplicaId,
  kept: number,
): Iterable<QuarantinedOp> {
  let last = kept;
  for (;;) {
    const frame = frames.frameAfter(origin, last);
    if (frame === undefined) return;
    const { firstSeq, firstTimestamp, count, opsAt } = decodeFrameHeader(frame);
    const cursor = new OpCursor(frame, opsAt);
    for (let i = 0; cursor.next(); i++) {
      if (firstSeq + i <= last || cursor.kind === OpKind.superseded) continue;
      const key = frame.latin1Slice(cursor.keyAt, cursor.keyEnd);
      const args = decodeArguments(frame, cursor.rawAt, cursor.rawEnd);
      // It may say how long a list was.
      const command = cursor.kind === OpKind.del ? args.slice(0, 2) : args;
      const atMs = millisecondsOf(firstTimestamp + i);
      const isCommand = !NO_COMMANDS.has(args[0] ?? '');
      yield { seq: firstSeq + i, atMs, key, ...(isCommand ? { command } : {}) };
    }
    last = firstSeq + count - 1;
  }
}

export function quarantineFile(dir: string): string {
  return join(dir, 'quarantine.jsonl');
}

/** Replaces the file. Returns how many ops it holds. */
export function writeQuarantine(dir: string, ops: Iterable<QuarantinedOp>): number {
  const lines = [...ops].map((op) => `${JSON.stringify(op)}\n`);
  const file = quarantineFile(dir);
  writeFileSync(`${file}.new`, lines.join(''), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return lines.length;
}

/** Throws OperatorError when there is none, or it is damaged. */
export function readQuarantine(file: string): QuarantinedOp[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new OperatorError(
      'QUARANTINE_NONE',
      `there is no quarantine at ${file}`,
      'One is made when a member that was unlinked comes back and has writes that nobody else has.',
    );
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      try {
        return opSchema.parse(JSON.parse(line));
      } catch (error) {
        throw new OperatorError(
          'QUARANTINE_DAMAGED',
          `line ${i + 1} of ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
          'Mend or remove this line; the others are good.',
        );
      }
    });
}
