// Engines of this host that are in no group. What is to run is written down before it starts, so that it is kept
// running without being asked for, also after a restart of the host.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type EngineFiles, LoneEngines } from '../control/hosting/lone-engines.ts';
import { Backoff } from '../group/backoff.ts';
import { engineInfo } from '../group/engine-work.ts';
import { type CallBody, enginePlanSchema } from '../group/host-protocol.ts';
import { readJson, writeWhole } from './host-files.ts';
import { Turns } from './turns.ts';

type EnginePlan = CallBody<'engine-start'>['plan'];

export class HostedEngines {
  readonly #dir: string;
  readonly #lone: LoneEngines;
  readonly #log: Logger;
  readonly #backoffs = new Map<string, Backoff>();
  readonly #turns = new Turns();

  constructor(dir: string, engine: string | undefined, files: EngineFiles, log: Logger) {
    this.#dir = dir;
    this.#lone = new LoneEngines(dir, engine, files);
    this.#log = log;
  }

  get runtimes(): string[] {
    return readdirSync(this.#dir).filter((runtime) => existsSync(this.#planFile(runtime)));
  }

  async start(plan: EnginePlan): Promise<void> {
    await this.#turns.take(plan.runtime, async () => {
      mkdirSync(join(this.#dir, plan.runtime), { recursive: true, mode: 0o700 });
      this.#write(plan);
      await this.#lone.start(plan);
    });
  }

  async remove(runtime: string): Promise<void> {
    await this.#turns.take(runtime, async () => {
      rmSync(this.#planFile(runtime), { force: true });
      await this.#lone.remove(runtime);
      this.#backoffs.delete(runtime);
    });
  }

  async reconfigure(plan: EnginePlan): Promise<void> {
    await this.#turns.take(plan.runtime, async () => {
      this.#write(plan);
      await this.#lone.reconfigure(plan);
    });
  }

  async flush(plan: EnginePlan): Promise<void> {
    await this.#lone.flush(plan);
  }

  /** What it says of itself. */
  async info(plan: EnginePlan): Promise<string | null> {
    return await engineInfo(this.#lone.endpoint(plan));
  }

  /** Starts what is to run and does not. */
  async keep(): Promise<void> {
    for (const runtime of this.runtimes) {
      const backoff = this.#backoffs.get(runtime) ?? new Backoff();
      this.#backoffs.set(runtime, backoff);
      if (this.#turns.isTaken(runtime)) continue;
      if (!backoff.isDue(this.#lone.isRunning(runtime), performance.now())) continue;
      this.#log.warn({ runtime }, 'an engine does not run; starting it');
      const plan = enginePlanSchema.parse(readJson(this.#planFile(runtime)));
      await this.#turns
        .take(runtime, () => this.#lone.start(plan))
        .catch((err: unknown) => {
          this.#log.error({ err, runtime }, 'an engine does not start');
        });
    }
  }

  #write(plan: EnginePlan): void {
    writeWhole(this.#planFile(plan.runtime), JSON.stringify(plan));
  }

  #planFile(runtime: string): string {
    return join(this.#dir, runtime, 'plan.json');
  }
}
