// Three regions in which one key is written at once, and what that costs them.

import type { Redis } from 'ioredis';
import { connectControl } from '../control.ts';
import { keyName } from '../load/command-source.ts';
import { HOT_KEYS, type HotKey, type HotKeyName } from '../load/hot-keys.ts';
import { runLoad } from '../load/run.ts';
import { cpuSeconds } from '../proc.ts';
import { type Region, Regions } from '../systems/regions.ts';
import type { Context } from './context.ts';
import { canonical, difference } from './hot-values.ts';

const NAMES = ['eastus', 'westeurope', 'japaneast'];
/** Until all generators are connected and wait for their common start. */
const START_DELAY_MS = 500;
const MICROSECONDS = 1e6;

/** CPU microseconds per write, summed over the regions. */
export interface Cost {
  replicatorsUs: number;
  enginesUs: number;
}

export interface HotRun {
  cost: Cost;
  /** How the regions' values differ; null when they do not. */
  differs: string | null;
}

export class HotBed {
  readonly #context: Context;
  #regions: Regions | null = null;
  #clients = new Map<string, Redis>();
  #starts = 0;
  #runs = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  get replicatorPids(): readonly number[] {
    return this.#started.replicatorPids;
  }

  async start(): Promise<void> {
    const { engine, plain, cleanup, dir } = this.#context;
    this.#starts += 1;
    this.#regions = await Regions.start(
      { engine, plain, cleanup, dir: `${dir}/hot-${this.#starts}` },
      { regions: NAMES },
    );
    for (const { name, endpoint } of this.#regions.all) {
      this.#clients.set(name, await connectControl(endpoint));
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.disconnect();
    this.#clients.clear();
    await this.#regions?.stop();
    this.#regions = null;
  }

  /** After a failure nothing of the old regions is to be trusted. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Writes a new key of a type in all regions, and compares them when everything has come everywhere. */
  async run(name: HotKeyName, pace: { rate: number; seconds: number }): Promise<HotRun> {
    const regions = this.#started;
    const hotKey: HotKey = HOT_KEYS[name];
    this.#runs += 1;
    const keyPrefix = `hot:${this.#runs}:`;
    const key = keyName(keyPrefix, 0);
    if (hotKey.fill !== undefined) await this.#call(regions.first, hotKey.fill(key));
    await this.#quiet();
    const before = this.#cpuSeconds();
    const size = { keyPrefix, keys: 1, valueBytes: 0, connections: 1 };
    const load = { workload: name, ...size, ...pace, startAtMs: Date.now() + START_DELAY_MS };
    const results = await Promise.all(
      regions.all.map(({ endpoint }) => runLoad({ ...load, endpoint }, this.#context.cleanup)),
    );
    await this.#quiet();
    const after = this.#cpuSeconds();
    const differs = await this.#difference(key, hotKey);
    await this.#call(regions.first, ['DEL', key]);
    const perWrite = MICROSECONDS / results.reduce((sum, result) => sum + result.writes, 0);
    const cost = {
      replicatorsUs: (after.replicators - before.replicators) * perWrite,
      enginesUs: (after.engines - before.engines) * perWrite,
    };
    return { cost, differs };
  }

  get #started(): Regions {
    if (this.#regions === null) throw new Error('the regions are not running');
    return this.#regions;
  }

  async #quiet(): Promise<void> {
    await this.#started.quiet(this.#context.plan.hot.quietSecondsMax);
  }

  #cpuSeconds(): { replicators: number; engines: number } {
    const { replicatorPids, enginePids } = this.#started;
    return { replicators: cpuSeconds(replicatorPids), engines: cpuSeconds(enginePids) };
  }

  async #difference(key: string, hotKey: HotKey): Promise<string | null> {
    const values = new Map<string, string[]>();
    for (const region of this.#started.all) {
      values.set(region.name, canonical(hotKey, await this.#call(region, hotKey.read(key))));
    }
    return difference(values);
  }

  async #call(region: Region, command: readonly string[]): Promise<unknown> {
    const [name = '', ...args] = command;
    return await this.#clients.get(region.name)?.callBuffer(name, ...args);
  }
}
