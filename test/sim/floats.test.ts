// Sums of doubles: three regions add to one float all the time, two of them cut off from each other for a while. Which
// region adds when, and what arrives where in which order, comes from a seed. Then every digit must be the same
// everywhere, and every increment be in it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelClient } from './model-engine/model-client.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { Region } from './region.ts';
import { Schedule } from './schedule.ts';

const IDS = [1, 2, 3];
const ROUNDS = 30;
const QUIET_LOOKS = 4;

class Floats {
  readonly random: Random;
  readonly schedule = new Schedule(1_700_000_000_000);
  readonly #network: Network;
  readonly regions: readonly Region[];
  readonly #clients: readonly ModelClient[];

  constructor(seed: number) {
    this.random = new Random(seed);
    this.#network = new Network(this.random, this.schedule);
    this.regions = IDS.map((id) => {
      const skewMs = this.random.below(3);
      return new Region(id, IDS, skewMs, this.random, this.schedule, this.#network, false);
    });
    const farMs = this.random.pick([0.5, 1, 5, 40]);
    this.#network.connect(this.regions, () => this.random.between(0.2, farMs));
    for (const region of this.regions) region.start();
    this.#clients = this.regions.map((region) => region.engine.connect());
  }

  run(at: number, ...args: string[]): void {
    this.regions[at]?.run(this.#clients[at] as ModelClient, args);
  }

  setCut(cut: boolean): void {
    this.#network.setCut(this.regions[0] as Region, this.regions[2] as Region, cut);
  }

  /** Each region adds so much, one round after the other. */
  addAll(by: string, paceMs: number): void {
    for (let round = 0; round < ROUNDS; round++) {
      const order = [0, 1, 2].sort(() => this.random.next() - 0.5);
      for (const at of order) {
        const until = this.schedule.now + this.random.between(0, paceMs);
        while (this.schedule.step(until));
        this.run(at, 'INCRBYFLOAT', 'float', by);
      }
    }
  }

  quiet(): void {
    for (let looks = 0; looks < QUIET_LOOKS; looks = this.#isLevel() ? looks + 1 : 0) {
      this.schedule.step(Number.POSITIVE_INFINITY);
    }
  }

  #isLevel(): boolean {
    const visible = this.regions.map((region) => JSON.stringify(region.core?.published.visible));
    return this.regions.every((region, i) => region.isQuiet && visible[i] === visible[0]);
  }

  get shown(): (string | undefined)[] {
    return this.regions.map(
      ({ engine, now }) => engine.dump(now).find(({ key }) => key === 'float')?.content[0],
    );
  }
}

test('what regions add to one float at once is the same everywhere, to the last digit', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const floats = new Floats(seed);
    const paceMs = floats.random.pick([0.3, 1, 3, 10]);
    floats.run(0, 'SET', 'float', '100');
    // A region knows an increment from its second one on.
    for (const at of floats.regions.keys()) {
      floats.quiet();
      floats.run(at, 'INCRBYFLOAT', 'float', '0.25');
    }
    floats.quiet();
    floats.addAll('0.5', paceMs);
    floats.setCut(true);
    floats.addAll('0.1', paceMs);
    floats.setCut(false);
    floats.quiet();
    const { shown } = floats;
    for (const text of shown) assert.equal(text, shown[0], `seed ${seed}`);
    assert.equal(Number(shown[0]), 154.75, `seed ${seed}`);
  }
});

test('what one region adds is the same everywhere, to the last digit', () => {
  const floats = new Floats(1);
  floats.run(0, 'SET', 'float', '60');
  for (let i = 0; i < 300; i++) {
    floats.run(0, 'INCRBYFLOAT', 'float', '0.7');
    if (i % 30 === 0) floats.quiet();
  }
  floats.quiet();
  const { shown } = floats;
  for (const text of shown) assert.equal(text, shown[0]);
});
