// Measures databases and caches, once in every minute, in the middle of it: so each minute has one sample, also when
// a measurement takes its time. What cannot be asked has none for that minute, but the state of its geo-replication.

import type { Logger } from 'pino';
import { Rounds } from '../base/rounds.ts';
import type { ApiParts } from './api/parts.ts';
import type { EnginePlan, Measured } from './hosting/hosting.ts';
import { type EngineCounters, readCounters, readingsFrom } from './model/engine-readings.ts';
import { cachePlan, databasePlan } from './operations/plans.ts';
import { addSamples, forgetSamples } from './store/metric-samples.ts';
import { allCaches, allDatabases, clustersOf } from './store/resources.ts';

export const SAMPLE_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 3_600_000;
/** So many are asked at a time. */
const AT_ONCE = 8;

type Parts = Pick<ApiParts, 'store' | 'hosting' | 'plans'>;

interface Target {
  /** null: it is in none. */
  readonly group: string | null;
  readonly plan: EnginePlan;
}

export class Sampler {
  readonly #parts: Parts;
  readonly #log: Logger;
  readonly #everyMs: number;
  readonly #rounds = new Rounds();
  #earlier: ReadonlyMap<string, EngineCounters> = new Map();
  #forgotMs = 0;

  constructor(parts: Parts, log: Logger, everyMs: number = SAMPLE_EVERY_MS) {
    this.#parts = parts;
    this.#log = log;
    this.#everyMs = everyMs;
  }

  start(): void {
    const sinceMiddleMs = () => (Date.now() + this.#everyMs / 2) % this.#everyMs;
    this.#rounds.start(
      () => this.#measureAll(),
      () => this.#everyMs - sinceMiddleMs(),
    );
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  async #measureAll(): Promise<void> {
    try {
      await this.#sample();
    } catch (err) {
      this.#log.error({ err }, 'metrics could not be measured');
    }
  }

  async #sample(): Promise<void> {
    const { store } = this.#parts;
    const targets = await this.#targets();
    const counters = new Map<string, EngineCounters>();
    const samples: { runtime: string; atMs: number; readings: Record<string, number> }[] = [];
    const measure = async (target: Target): Promise<void> => {
      const { runtime } = target.plan;
      const { info, isGeoHealthy } = await this.#ask(target);
      const atMs = Date.now();
      const geo = isGeoHealthy === null ? {} : { geoReplicationHealthy: isGeoHealthy ? 1 : 0 };
      if (info === null) {
        if (isGeoHealthy !== null) samples.push({ runtime, atMs, readings: geo });
        return;
      }
      const now = readCounters(info, atMs);
      counters.set(runtime, now);
      const readings = { ...readingsFrom(now, this.#earlier.get(runtime) ?? null), ...geo };
      samples.push({ runtime, atMs, readings });
    };
    const waiting = targets.values();
    const worker = async (): Promise<void> => {
      for (const target of waiting) {
        if (this.#rounds.signal.aborted) return;
        await measure(target);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    this.#earlier = counters;
    await addSamples(store.db, samples);
    if (Date.now() - this.#forgotMs < FORGET_EVERY_MS) return;
    this.#forgotMs = Date.now();
    await forgetSamples(store.db, this.#forgotMs);
  }

  async #ask({ group, plan }: Target): Promise<Measured> {
    try {
      return await this.#parts.hosting.measure(group, plan);
    } catch {
      return { info: null, isGeoHealthy: group === null ? null : false };
    }
  }

  async #targets(): Promise<Target[]> {
    const { store, plans } = this.#parts;
    const targets: Target[] = [];
    const databases = await allDatabases(store.db);
    const clusters = await clustersOf(store.db, databases);
    for (const database of databases) {
      const cluster = clusters.get(database.clusterKey);
      const { runs } = database.hosting;
      if (cluster === undefined || runs.as === 'nothing') continue;
      const group = runs.as === 'member' ? runs.group : null;
      targets.push({ group, plan: databasePlan(plans, cluster, database) });
    }
    for (const cache of await allCaches(store.db)) {
      if (cache.hosting.runs.as !== 'engine') continue;
      targets.push({ group: null, plan: cachePlan(plans, cache) });
    }
    return targets;
  }
}
