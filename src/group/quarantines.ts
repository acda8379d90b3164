// The quarantine files of a group on this machine, and making what is in them again as new writes.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../base/errors.ts';
import { connectEngine, type EngineEndpoint } from '../engine/client.ts';
import { type QuarantinedOp, quarantineFile, readQuarantine } from '../replicator/quarantine.ts';
import { type GroupFile, memberDir } from './group-file.ts';
import { stateDir } from './member-settings.ts';

export interface Quarantine {
  readonly region: string;
  readonly file: string;
  readonly ops: readonly QuarantinedOp[];
}

/** All that there are, of present and former incarnations. */
export function listQuarantines(dir: string, group: GroupFile): Quarantine[] {
  return group.members.flatMap((member) => {
    const folder = memberDir(dir, member);
    const files = [
      quarantineFile(stateDir(folder, member)),
      ...namesIn(folder).map((name) => join(folder, name)),
    ];
    return files
      .filter((file) => existsSync(file))
      .map((file) => ({ region: member.region, file, ops: readQuarantine(file) }));
  });
}

function namesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => /^quarantine-\d+\.jsonl$/.test(name));
}

/** The quarantines of a region. Throws OperatorError when it has none. */
export function quarantinesOf(dir: string, group: GroupFile, region: string): Quarantine[] {
  const found = listQuarantines(dir, group).filter((one) => one.region === region);
  if (found.length > 0) return found;
  throw new OperatorError(
    'QUARANTINE_NONE',
    `${region} has nothing in quarantine`,
    'A member has, once it comes back after it was unlinked, if it alone had some writes.',
  );
}

export interface Merged {
  readonly made: number;
  /** With the engine's answers. */
  readonly refused: readonly { readonly op: QuarantinedOp; readonly why: string }[];
  /** Ops that are no commands: what they removed was seen by those who were there. */
  readonly skipped: number;
}

/** Makes the writes again, in their order, at this engine: new writes that replicate like any other. */
export async function mergeBack(
  ops: readonly QuarantinedOp[],
  endpoint: EngineEndpoint,
): Promise<Merged> {
  const client = await connectEngine(endpoint);
  const refused: { op: QuarantinedOp; why: string }[] = [];
  let [made, skipped] = [0, 0];
  try {
    for (const op of ops) {
      const [name, ...args] = op.command ?? [];
      if (name === undefined) {
        skipped++;
        continue;
      }
      try {
        await client.call(name, ...args.map((arg) => Buffer.from(arg, 'latin1')));
        made++;
      } catch (error) {
        refused.push({ op, why: error instanceof Error ? error.message : String(error) });
      }
    }
  } finally {
    client.disconnect();
  }
  return { made, refused, skipped };
}
