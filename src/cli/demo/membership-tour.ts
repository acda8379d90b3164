// The second half of `atoll demo --check`: members come and go by the commands that everybody has, and what is written
// meanwhile is where it should be.

import { setTimeout as delay } from 'node:timers/promises';
import { type Json, listAt, textAt } from '../azure/json.ts';
import type { Playground } from './playground.ts';
import type { TourOptions, TourStep } from './tour.ts';

const VISIBLE_WITHIN_MS = 10_000;
const POLL_MS = 20;

type Shown = Readonly<Record<string, string>>;

/** Leaves the group without its last member. */
export async function runMembershipTour(
  playground: Playground,
  { print, signal }: TourOptions,
  stopsBefore: number,
): Promise<TourStep[]> {
  const tour = new MembershipTour(playground, print, stopsBefore);
  const stops = [
    () => tour.members('All members were created and joined by commands'),
    () => tour.unlink(),
    () => tour.relink(),
    () => tour.flush(),
    () => tour.remove(),
  ];
  const steps: TourStep[] = [];
  for (const stop of stops) {
    if (signal.aborted) break;
    steps.push(await stop());
  }
  return steps;
}

class MembershipTour {
  readonly #playground: Playground;
  readonly #print: (line?: string) => void;
  readonly #regions: readonly string[];
  #stop: number;

  constructor(playground: Playground, print: (line?: string) => void, stopsBefore: number) {
    this.#stop = stopsBefore;
    this.#playground = playground;
    this.#print = print;
    this.#regions = playground.regions;
  }

  get #first(): string {
    return this.#regions[0] ?? '';
  }

  get #last(): string {
    return this.#regions.at(-1) ?? '';
  }

  get #others(): readonly string[] {
    return this.#regions.slice(0, -1);
  }

  /** Every one of these names all of them as linked. */
  async members(title: string, regions: readonly string[] = this.#regions): Promise<TourStep> {
    this.#heading(title);
    return this.#step(title, await this.#links(regions), linksOf(regions));
  }

  async unlink(): Promise<TourStep> {
    const title = 'A member is force-unlinked, and the others go on';
    this.#heading(title);
    const ids = ['--unlink-ids', this.#playground.idOf(this.#last)];
    await this.#command('force-unlink', this.#first, ...ids, '--reason', 'demo', '--yes');
    await this.#write(this.#first, 'meanwhile', 'yes');
    const seen = await Promise.all(
      this.#others.map(async (region) => [region, await this.#seen(region, 'meanwhile', 'yes')]),
    );
    const { [this.#last]: own, ...links } = await this.#links(this.#regions);
    const step = this.#step(title, links, linksOf(this.#others));
    return { ...step, ok: step.ok && own === '' && seen.every(([, value]) => value === 'yes') };
  }

  async relink(): Promise<TourStep> {
    const title = 'It is force-linked again, with what was written meanwhile';
    this.#heading(title);
    await this.#command(
      ...(['force-link-to-replication-group', this.#last, '--group-nickname', 'demo'] as const),
      ...[...this.#playground.links(this.#regions), '--yes'],
    );
    const links = await this.#links(this.#regions);
    const value = await this.#seen(this.#last, 'meanwhile', 'yes');
    this.#print(`   ${this.#last.padEnd(14)} GET meanwhile: ${value}`);
    const step = this.#step(title, links, linksOf(this.#regions));
    return { ...step, ok: step.ok && value === 'yes' };
  }

  async flush(): Promise<TourStep> {
    const title = 'A flush empties all members';
    this.#heading(title);
    const others = this.#regions.slice(1).map((region) => this.#playground.idOf(region));
    const check = others.length === 0 ? [] : ['--linked-ids', ...others];
    await this.#command('flush', this.#first, ...check, '--yes');
    const sizes = await Promise.all(
      this.#regions.map(async (region) => [region, await this.#ask(region, 'DBSIZE')] as const),
    );
    return this.#step(title, Object.fromEntries(sizes), '0');
  }

  async remove(): Promise<TourStep> {
    const title = 'A member is deleted, and has left its group';
    this.#heading(title);
    const target = ['--cluster-name', this.#last, '--resource-group', 'demo'];
    this.#print(`   atoll redisenterprise delete --cluster-name ${this.#last}`);
    await this.#playground.atoll('redisenterprise', 'delete', ...target, '--yes');
    const links = await this.#links(this.#others);
    await this.#write(this.#first, 'after', '1');
    const seen = await Promise.all(this.#others.map((region) => this.#seen(region, 'after', '1')));
    const step = this.#step(title, links, linksOf(this.#others));
    return { ...step, ok: step.ok && seen.every((value) => value === '1') };
  }

  #heading(title: string): void {
    this.#stop += 1;
    this.#print(`\n${this.#stop}. ${title}`);
  }

  async #command(name: string, region: string, ...args: readonly string[]): Promise<Json> {
    this.#print(`   atoll redisenterprise database ${name} --cluster-name ${region} ...`);
    return await this.#playground.database(name, region, ...args);
  }

  /** What each region says of its group: "eastus Linked, westus Linked". */
  async #links(regions: readonly string[]): Promise<Shown> {
    const clusters = await this.#playground.atoll('redisenterprise', 'list', '-g', 'demo');
    const all = Array.isArray(clusters) ? clusters : [];
    const shown = regions.map((region) => {
      const cluster = all.find((one) => textAt(one, 'name') === region);
      const members = ['databases', 0, 'geoReplication', 'linkedDatabases'];
      const links = listAt(cluster, ...members).map((one) => {
        return `${textAt(one, 'id').split('/').at(-3) ?? ''} ${textAt(one, 'state')}`;
      });
      return [region, links.join(', ')] as const;
    });
    return Object.fromEntries(shown);
  }

  async #write(region: string, key: string, value: string): Promise<void> {
    this.#print(`   ${region.padEnd(14)} SET ${key} ${value}`);
    await this.#ask(region, 'SET', key, value);
  }

  /** What is there once it is as wanted, or after a while. */
  async #seen(region: string, key: string, wanted: string): Promise<string> {
    const client = await this.#playground.connect(region);
    try {
      const deadlineMs = performance.now() + VISIBLE_WITHIN_MS;
      for (;;) {
        const value = (await client.get(key)) ?? '(nil)';
        if (value === wanted || performance.now() > deadlineMs) return value;
        await delay(POLL_MS);
      }
    } finally {
      client.disconnect();
    }
  }

  /** Each time as a new client: where a member was filled anew, the connections of its clients were cut. */
  async #ask(region: string, command: string, ...args: readonly string[]): Promise<string> {
    const client = await this.#playground.connect(region);
    try {
      return String(await client.call(command, ...args));
    } finally {
      client.disconnect();
    }
  }

  #step(title: string, shown: Shown, expected: string): TourStep {
    const ok = Object.values(shown).every((value) => value === expected);
    for (const [region, value] of Object.entries(shown)) {
      this.#print(`   ${region.padEnd(14)} ${value}`);
    }
    this.#print(ok ? '   ok' : `   NOT AS EXPECTED: ${expected}`);
    return { title, ok, shown, expected };
  }
}

function linksOf(regions: readonly string[]): string {
  return regions.map((region) => `${region} Linked`).join(', ');
}
