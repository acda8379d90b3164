// Before a member is wiped and filled again, what its engine holds is saved beside its log: then only what
// differs has to travel. Whatever stands against that (an engine that does not answer, no room, little data)
// is no failure: everything travels, as to a new member.

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OperatorError } from '../base/errors.ts';
import { connectEngine, type EngineEndpoint, infoField } from '../engine/client.ts';
import { saveSnapshot } from '../engine/snapshot-file.ts';
import { heldSnapshotFile } from '../replicator/join/held-file.ts';
import { quarantineFile } from '../replicator/quarantine.ts';
import { stateDir } from './member-settings.ts';

/** With less there is nothing to be gained. */
const DATA_BYTES_MIN = 1024 * 1024;
const ANSWER_MS_MAX = 3000;
/** A snapshot is smaller than its data in memory; the log goes on growing beside it. */
const SPARE_BYTES = 256 * 1024 * 1024;

export interface HeldData {
  readonly engine: EngineEndpoint;
  /** Where it was saved for an attempt that did not end: the engine has been wiped since. */
  readonly earlier: string;
  /** Where it goes. */
  readonly file: string;
  /** How much there is by now, of about 1. */
  readonly onShare?: (share: number) => void;
}

/** Returns why there is no file; undefined: there is one. */
export async function keepHeldData({
  engine,
  earlier,
  file,
  onShare,
}: HeldData): Promise<string | undefined> {
  if (existsSync(earlier)) {
    renameSync(earlier, file);
    return undefined;
  }
  try {
    const dataBytes = await dataBytesOf(engine);
    // An attempt may have ended between the wipe and here: then there is a file already.
    if (dataBytes < DATA_BYTES_MIN)
      return existsSync(file) ? undefined : 'there is next to nothing';
    const { bavail, bsize } = await statfs(dirname(file));
    if (bavail * bsize < dataBytes + SPARE_BYTES) throw new Error('its disk has too little room');
    await saveSnapshot({ engine, file, onBytes: (bytes) => onShare?.(bytes / dataBytes) });
    return undefined;
  } catch (error) {
    rmSync(file, { force: true });
    return error instanceof OperatorError || error instanceof Error ? error.message : String(error);
  }
}

/** What a member has on disk goes, but for what was held and its quarantine; the incarnation `nextId` begins anew. */
export function wipeMemberFiles(folder: string, id: number, nextId: number): void {
  const old = stateDir(folder, { id });
  const next = stateDir(folder, { id: nextId });
  const quarantine = quarantineFile(old);
  if (existsSync(quarantine)) renameSync(quarantine, join(folder, `quarantine-${id}.jsonl`));
  rmSync(old, { recursive: true, force: true });
  mkdirSync(next, { recursive: true, mode: 0o700 });
  const held = heldSnapshotFile(folder);
  if (existsSync(held)) renameSync(held, heldSnapshotFile(next));
}

/** What the engine uses for its data. */
async function dataBytesOf(engine: EngineEndpoint): Promise<number> {
  const client = await connectEngine(engine, AbortSignal.timeout(ANSWER_MS_MAX));
  try {
    return Number(infoField(await client.info('memory'), 'used_memory_dataset') ?? 0);
  } finally {
    client.disconnect();
  }
}
