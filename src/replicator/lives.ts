// The lives of a replicator within one process. It is made anew from its state directory when members have become
// stale, and when its log cannot be written for want of room: then it only hands over to its peers what it has
// logged, which may make room, until there is some; the next life goes on where the log ends.

import { statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { bytesText } from '../base/amounts.ts';
import { OperatorError } from '../base/errors.ts';
import type { ReplicatorConfig } from './config.ts';
import { Replicator } from './replicator.ts';

const LOOK_EVERY_MS = 1000;
const ROOM_BYTES = 64 * 1024 * 1024;
const ROOM_SHARE = 0.1;

export class Lives {
  readonly #config: ReplicatorConfig;
  readonly #logger: Logger;
  readonly #die: (error: unknown) => void;
  #replicator: Replicator;
  #isStopping = false;
  /** The last change from one life to another. */
  #change: Promise<void> = Promise.resolve();

  /** `die` is called when it cannot go on. Throws OperatorError. */
  constructor(config: ReplicatorConfig, logger: Logger, die: (error: unknown) => void) {
    this.#config = config;
    this.#logger = logger;
    this.#die = die;
    this.#replicator = this.#make(null);
  }

  /** The one that lives. */
  get replicator(): Replicator {
    return this.#replicator;
  }

  async start(): Promise<void> {
    await this.#replicator.start();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#change;
    await this.#replicator.stop();
  }

  #make(diskAlarm: string | null): Replicator {
    const life = new Replicator(this.#config, this.#logger, {
      failed: (error) => {
        if (life !== this.#replicator) return;
        if (error.code === 'log-disk-full') this.#do(() => this.#waitForRoom(life, error));
        else this.#die(error);
      },
      startAnew: () => this.#do(() => this.#replace(life, diskAlarm)),
      diskAlarm,
    });
    return life;
  }

  /** One change after the other. */
  #do(change: () => Promise<void>): void {
    this.#change = this.#change.then(change).catch((error: unknown) => {
      if (!this.#isStopping) this.#die(error);
    });
  }

  async #waitForRoom(full: Replicator, error: OperatorError): Promise<void> {
    if (full !== this.#replicator || full.diskAlarm !== null) return;
    const needed = await this.#neededBytes();
    const alarm =
      `${error.message}: replication of this region stands still, and its clients go on. Free ${bytesText(needed)} ` +
      "on this disk: then it goes on by itself, and loses nothing as long as the engine's backlog reaches back";
    this.#logger.error({ alarm: 'disk full', code: error.code }, alarm);
    await this.#replace(full, alarm);
    do await delay(LOOK_EVERY_MS);
    while (!this.#isStopping && !(await this.#hasRoom()));
    if (this.#isStopping) return;
    this.#logger.info({ alarm: 'disk full' }, 'the alarm is over');
    await this.#replace(this.#replicator, null);
  }

  /** Ends a life and begins the next. */
  async #replace(life: Replicator, diskAlarm: string | null): Promise<void> {
    if (this.#isStopping || life !== this.#replicator) return;
    this.#logger.info('starting anew, from the log');
    const cut = life.cutPeers;
    await life.stop().catch((error: unknown) => {
      if (!(error instanceof OperatorError)) throw error;
    });
    this.#replicator = this.#make(diskAlarm);
    if (cut.length > 0) this.#replicator.cut(cut);
    await this.#replicator.start();
  }

  async #hasRoom(): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.#config.stateDir);
    return bavail * bsize >= (await this.#neededBytes());
  }

  async #neededBytes(): Promise<number> {
    const { blocks, bsize } = await statfs(this.#config.stateDir);
    return Math.min(ROOM_BYTES, blocks * bsize * ROOM_SHARE);
  }
}
