// What is written down of the members on this host, a file in the folder of each.

import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { memberLaunchSchema } from '../group/host-protocol.ts';
import { readJson, writeWhole } from './host-files.ts';

export interface MemberName {
  readonly group: string;
  readonly region: string;
}

const recordSchema = z.strictObject({
  launch: memberLaunchSchema.nullable(),
  /** Of the engine, for its clients. */
  certificate: z.string().nullable(),
  wantsEngine: z.boolean(),
  wantsReplicator: z.boolean(),
  /** What dies of it is started again. */
  isKept: z.boolean(),
  /** Its engine died and runs again, empty. */
  isDataLost: z.boolean(),
  enginePid: z.int(),
  replicatorPid: z.int(),
});
export type MemberRecord = z.infer<typeof recordSchema>;

/** Of one of which nothing is to run yet. */
export const NEW: MemberRecord = {
  ...{ launch: null, certificate: null, wantsEngine: false, wantsReplicator: false },
  ...{ isKept: false, isDataLost: false, enginePid: 0, replicatorPid: 0 },
};

export class MemberRecords {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  get names(): MemberName[] {
    return readdirSync(this.#dir).flatMap((group) =>
      readdirSync(join(this.#dir, group))
        .map((region) => ({ group, region }))
        .filter((name) => this.has(name)),
    );
  }

  has(name: MemberName): boolean {
    return existsSync(this.#file(name));
  }

  read(name: MemberName): MemberRecord {
    return recordSchema.parse(readJson(this.#file(name)));
  }

  update(name: MemberName, change: Partial<MemberRecord>): MemberRecord {
    const record = { ...(this.has(name) ? this.read(name) : NEW), ...change };
    mkdirSync(this.folder(name), { recursive: true, mode: 0o700 });
    writeWhole(this.#file(name), JSON.stringify(record));
    return record;
  }

  folder({ group, region }: MemberName): string {
    return join(this.#dir, group, region);
  }

  /** Of one incarnation of it. */
  stateDir(name: MemberName, id: number): string {
    return join(this.folder(name), `state-${id}`);
  }

  settingsFile(name: MemberName): string {
    return join(this.folder(name), 'replicator.json');
  }

  #file(name: MemberName): string {
    return join(this.folder(name), 'member.json');
  }
}

export function keyOf({ group, region }: MemberName): string {
  return `${group}/${region}`;
}
