// A group of regions of its own, for what is no comparison of two systems.

import { memberDir } from '../../src/group/group-file.ts';
import { LocalGroup, type LocalGroupOptions } from '../../src/group/local-group.ts';
import { QuietWatch } from '../../src/group/quiet.ts';
import type { Endpoint } from '../load/messages.ts';
import type { StartOptions } from './system.ts';

export interface Region {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly enginePid: number;
  readonly replicatorPid: number;
  /** Working directory of its replicator. */
  readonly dir: string;
}

type GroupOptions = Pick<LocalGroupOptions, 'regions' | 'replicatorScript' | 'supervise'>;

/** Starts a group and stops it with the benchmark, whenever that ends. */
export async function startGroup(
  options: StartOptions,
  more: GroupOptions,
): Promise<{ group: LocalGroup; stop(): Promise<void> }> {
  const { dir, engine, plain, cleanup } = options;
  // Unsupervised: a process that dies must be noticed, not be replaced by an empty one.
  const starting = LocalGroup.up({ dir, engine, plain, supervise: false, ...more });
  // An interrupt may come while the group starts: it is stopped once it is up.
  const forget = cleanup.defer(async () => {
    const group = await starting.catch(() => null);
    await group?.down();
  });
  const group = await starting;
  const stop = async (): Promise<void> => {
    forget();
    await group.down();
  };
  return { group, stop };
}

export class Regions {
  readonly all: readonly Region[];
  readonly #watch: QuietWatch;
  readonly #stop: () => Promise<void>;

  private constructor(group: LocalGroup, stop: () => Promise<void>) {
    this.all = group.members.map((member) => ({
      name: member.region,
      endpoint: { host: member.host, port: member.enginePort },
      enginePid: member.enginePid,
      replicatorPid: member.replicatorPid,
      dir: memberDir(group.dir, member),
    }));
    this.#watch = new QuietWatch(group.quietMembers);
    this.#stop = stop;
  }

  static async start(options: StartOptions, more: GroupOptions): Promise<Regions> {
    const { group, stop } = await startGroup(options, more);
    return new Regions(group, stop);
  }

  get first(): Region {
    const [first] = this.all;
    if (first === undefined) throw new Error('a group without regions');
    return first;
  }

  get enginePids(): number[] {
    return this.all.map((region) => region.enginePid);
  }

  get replicatorPids(): number[] {
    return this.all.map((region) => region.replicatorPid);
  }

  /** Resolves when every write is visible in every region; throws when that takes too long. */
  async quiet(timeoutSeconds: number): Promise<void> {
    await this.#watch.wait(timeoutSeconds * 1000);
  }

  async stop(): Promise<void> {
    this.#watch.close();
    await this.#stop();
  }
}
