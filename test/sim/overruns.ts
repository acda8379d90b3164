// Replicators of a simulated group that are away for longer than the backlogs of their engines reach back: down, or
// without the stream. What their clients wrote meanwhile is in no log.

import type { Random } from './random.ts';
import type { Region } from './region.ts';
import type { Schedule } from './schedule.ts';

export class Overruns {
  readonly #regions: readonly Region[];
  readonly #random: Random;
  readonly #schedule: Schedule;
  /** One after the other and several at once; else there is one in all. */
  readonly #isMany: boolean;

  constructor(regions: readonly Region[], random: Random, schedule: Schedule) {
    this.#regions = regions;
    this.#random = random;
    this.#schedule = schedule;
    this.#isMany = random.chance(0.3);
  }

  /** How often writes were missed. */
  get count(): number {
    return this.#regions.reduce((sum, { gap }) => sum + gap.opened, 0);
  }

  /**
   * Keys nobody disturbs of which it is not certain what they must show; undefined: all of them. Where several regions
   * have missed writes, an assertion of one hides what another has missed. A batch that was executed as the stream was
   * lost may be applied again. Of an asserted list what others pop at that moment stays. Numbers of a document
   * are written as sums, without what was missed, and an asserted one is another one than that to which others append.
   */
  get uncertain(): ReadonlySet<string> | undefined {
    if (this.count > 1) return undefined;
    const asserted = this.#regions.flatMap(({ gap }) => [...gap.asserted]);
    const queue = asserted.filter((key) => key === 'only-queue');
    const document = this.count === 1 ? ['only-json'] : [];
    const repeated = this.#regions.flatMap(({ gap }) => [...gap.repeated]);
    return new Set([...queue, ...document, ...repeated]);
  }

  /** A replicator without its stream: a while later it has it again, or what is left of it. */
  loseStream(region: Region): void {
    if (!region.isRunning) return;
    const { life } = region;
    region.trace?.(() => `${region.id} loses its stream`);
    region.loseStream();
    this.#schedule.after(this.#random.between(5, 150), () => {
      if (region.life !== life) return;
      this.overrun(region);
      region.reconnectStream();
    });
  }

  /** The engine no longer has what its replicator has not taken in, perhaps. */
  overrun({ gap, engine }: Region): void {
    if (this.#random.chance(0.6) && (this.#isMany || this.count === 0)) {
      gap.backlogStart = engine.offset;
    }
  }
}
