// A new member takes everything over from a donor: data by the engine's own replication, through tunnels
// to the donor, and the donor's log, both cut at the same place of the donor's stream. What follows that
// place comes over the links, as for any member that was away.
//
// Guarantees
// - When joinFrom resolves, the engine holds exactly what the donor's engine held at `position`, is a
//   primary again, and keeps the stream behind it under `replicationId`; the log in `logDir` is the
//   donor's up to there, on disk. Nothing is appended to it yet.
// - When it rejects, the engine is an empty primary (unless it cannot be reached) and there is no log.
// - After a crash in between the next joinFrom finds the marker (join-marker.ts) and begins clean.
// - What the engine held before it was wiped may lie beside the log (held-file.ts): then only what
//   differs comes through the tunnel. The file stays, for another attempt, until the join is over.
// - A tunnel that breaks is no failure: the engine asks again, for the rest of the stream or, within the
//   snapshot, for all of it.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CorruptInput, OperatorError } from '../../base/errors.ts';
import type { EngineEndpoint } from '../../engine/client.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { SALT_BYTES } from '../../rdb/units.ts';
import type { Member, ReplicatorConfig } from '../config.ts';
import { Transport } from '../link/transport.ts';
import { HeldSnapshot } from './delta/held-snapshot.ts';
import { heldSnapshotFile } from './held-file.ts';
import { isJoinUnfinished, markJoin } from './join-marker.ts';
import { receiveLog } from './log-receiver.ts';
import type { LogManifest } from './messages.ts';
import { type EngineState, NewcomerEngine } from './newcomer-engine.ts';
import { type JoinProgress, NOTHING_TAKEN_OVER, Rate } from './progress.ts';
import { openTunnel, TunnelRefused } from './tunnel-client.ts';
import { TunnelEntrance } from './tunnel-entrance.ts';

const POLL_MS = 20;
const RETRY_MS = 500;
const PROGRESS_EVERY_MS = 100;
const DONOR_AWAY_MS_MAX = 60_000;

export interface JoinOptions {
  /** The newcomer's own configuration, of the epoch in which it is a member. */
  readonly config: Pick<
    ReplicatorConfig,
    'group' | 'shard' | 'epoch' | 'self' | 'members' | 'tls' | 'stateDir'
  >;
  /** From whom; another one of the members. */
  readonly donor: Member;
  /** The newcomer's engine, as a user that may do everything. */
  readonly engine: EngineEndpoint;
  readonly logger: Logger;
  /** Called ten times a second, and at the end. */
  readonly onProgress?: (progress: JoinProgress) => void;
  /** Ends the join; joinFrom then rejects with JOIN_ENDED, once everything is clean. */
  readonly signal?: AbortSignal;
  /** How long the donor may be out of reach, in ms; default 60,000. */
  readonly donorAwayMsMax?: number;
}

export interface Joined {
  /** Offset in the donor's stream, and now in that of the newcomer's engine. */
  readonly position: number;
  /** Of the newcomer's engine, which stands on its own now. */
  readonly replicationId: string;
  /** Whose log it is. */
  readonly donor: ReplicaId;
  readonly logDir: string;
}

/**
 * Makes the engine and the log of a new member copies of the donor's. Throws OperatorError:
 * JOIN_ENGINE_NOT_EMPTY, JOIN_ENGINE_IS_REPLICA, JOIN_LOG_EXISTS, JOIN_REFUSED, JOIN_DONOR_AWAY,
 * JOIN_CUT_MISSED, JOIN_ENGINE_FAILED, JOIN_ENDED, and those of the log's files.
 */
export async function joinFrom(options: JoinOptions): Promise<Joined> {
  const { stateDir } = options.config;
  const logDir = join(stateDir, 'log');
  const engine = new NewcomerEngine(options.engine);
  try {
    mkdirSync(stateDir, { recursive: true });
    if (isJoinUnfinished(stateDir)) {
      options.logger.warn('an earlier join did not end: engine and log are wiped');
      await engine.wipe();
      removeLog(logDir);
    }
    await engine.checkEmpty();
    checkNoLog(logDir);
    markJoin(stateDir);
    try {
      return await new Joining(options, engine, logDir).run();
    } catch (error) {
      await cleanUp(options.logger, engine, logDir);
      throw error;
    } finally {
      await engine.restore().catch((error: unknown) => {
        options.logger.warn({ error }, 'settings of the engine were not put back');
      });
    }
  } finally {
    engine.close();
  }
}

class Joining {
  readonly #options: JoinOptions;
  readonly #engine: NewcomerEngine;
  readonly #logDir: string;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  readonly #transport: Transport;
  readonly #bytesRate = new Rate();
  readonly #dataRate = new Rate();
  #entrance!: TunnelEntrance;
  #state: EngineState | undefined;
  #logBytes = 0;
  #phase: JoinProgress['phase'] = 'waiting';

  constructor(options: JoinOptions, engine: NewcomerEngine, logDir: string) {
    this.#options = options;
    this.#engine = engine;
    this.#logDir = logDir;
    const signals = [this.#ended.signal, ...(options.signal === undefined ? [] : [options.signal])];
    this.#signal = AbortSignal.any(signals);
    this.#transport = new Transport(options.config);
  }

  async run(): Promise<Joined> {
    const { config, donor, logger } = this.#options;
    const wish = { config, donor, transport: this.#transport, signal: this.#signal };
    const password = randomBytes(16).toString('hex');
    const held = await this.#openHeld();
    this.#entrance = await TunnelEntrance.open({ wish, password, held, logger });
    const entrance = this.#entrance;
    const progress = setInterval(() => this.#tell(), PROGRESS_EVERY_MS);
    // An engine that loads answers late; without a tunnel it stops loading.
    const onAbort = (): void => void entrance.close();
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#engine.follow(this.#entrance.port, password);
      const manifest = await this.#reachCut();
      const { position } = manifest;
      const state = await this.#engine.standAlone();
      if (state.role !== 'master' || state.secondOffset !== position + 1) {
        throw new OperatorError(
          'JOIN_CUT_MISSED',
          `the engine left its donor's stream at ${state.secondOffset - 1}, not at the cut at ${position}`,
          'Join again.',
        );
      }
      this.#state = state;
      this.#phase = 'done';
      this.#tell();
      const { replicationId } = state;
      logger.info({ position, replicationId, donor: donor.id }, 'everything is taken over');
      return { position, replicationId, donor: donor.id, logDir: this.#logDir };
    } finally {
      clearInterval(progress);
      this.#ended.abort();
      await entrance.close();
      held?.close();
    }
  }

  /** What the engine held before. A file that cannot be read is none. */
  async #openHeld(): Promise<HeldSnapshot | undefined> {
    const { config, logger } = this.#options;
    const signal = this.#signal;
    let toldMs = 0;
    const onProgress = (share: number): void => {
      const nowMs = performance.now();
      if (nowMs - toldMs < PROGRESS_EVERY_MS) return;
      toldMs = nowMs;
      const percent = Math.round(share * 1000) / 10;
      this.#options.onProgress?.({ ...NOTHING_TAKEN_OVER, phase: 'indexing', percent });
    };
    const file = heldSnapshotFile(config.stateDir);
    try {
      const salt = randomBytes(SALT_BYTES);
      const held = await HeldSnapshot.open({ file, salt, onProgress, signal });
      if (held === undefined) return undefined;
      logger.info(
        { bytes: held.bytes, units: held.units },
        'only what differs is to be taken over',
      );
      return held;
    } catch (error) {
      this.#throwIfEnded();
      logger.warn({ error, file }, 'what the engine held before cannot be used');
      return undefined;
    }
  }

  /** Follows, takes the log, and returns once the engine is where the log ends. */
  async #reachCut(): Promise<LogManifest> {
    for (;;) {
      this.#entrance.isCut = false;
      await this.#watch(({ isLinkUp }) => isLinkUp);
      const manifest = await this.#takeLog();
      if (manifest === undefined) {
        await this.#pause(RETRY_MS);
        continue;
      }
      const { position } = manifest;
      await this.#watch(
        ({ offset, isLinkUp }) =>
          (isLinkUp && offset >= position) || (!isLinkUp && this.#phase === 'snapshot'),
      );
      this.#entrance.isSealed = true;
      const state = await this.#engine.state();
      if (state.isLinkUp && state.offset === position) return manifest;
      this.#entrance.isSealed = false;
      // A tunnel broke and the engine had to begin anew, behind the cut.
      this.#options.logger.warn({ position, offset: state.offset }, 'the cut is taken again');
      removeLog(this.#logDir);
    }
  }

  /** Undefined: it did not come, this time. */
  async #takeLog(): Promise<LogManifest | undefined> {
    const { config, donor, logger } = this.#options;
    const signal = this.#signal;
    try {
      const wish = { config, donor, transport: this.#transport, signal };
      const tunnel = await openTunnel({ ...wish, purpose: 'log' });
      const onAbort = (): void => void tunnel.socket.destroy();
      signal.addEventListener('abort', onAbort, { once: true });
      return await receiveLog(tunnel, this.#logDir, {
        onManifest: () => {
          this.#entrance.isCut = true;
          this.#phase = 'cut';
        },
        onBytes: (bytes) => {
          this.#logBytes += bytes;
        },
      }).finally(() => signal.removeEventListener('abort', onAbort));
    } catch (error) {
      this.#throwIfEnded();
      if (error instanceof TunnelRefused ? error.isFinal : error instanceof OperatorError) {
        throw error;
      }
      const isKnown = error instanceof Error && (error instanceof CorruptInput || !isBug(error));
      if (!isKnown) throw error;
      logger.warn({ reason: error.message }, "the donor's log did not come; it is asked for again");
      return undefined;
    }
  }

  /** Waits for a state of the engine; throws when the donor is gone for too long. */
  async #watch(isReached: (state: EngineState) => boolean): Promise<EngineState> {
    for (;;) {
      this.#throwIfEnded();
      const state = await this.#engine.state();
      this.#state = state;
      this.#phase = this.#phaseOf(state);
      if (isReached(state)) return state;
      this.#judgeDonor();
      await this.#pause(POLL_MS);
    }
  }

  #phaseOf({ isLinkUp }: EngineState): JoinProgress['phase'] {
    if (this.#entrance.isCut && isLinkUp) return 'cut';
    if (isLinkUp) return 'stream';
    return this.#entrance.awayMs(performance.now()) > 0 ? 'waiting' : 'snapshot';
  }

  #judgeDonor(): void {
    const { donor, donorAwayMsMax = DONOR_AWAY_MS_MAX } = this.#options;
    const { refusal, lastError } = this.#entrance;
    if (refusal !== undefined) throw refusal;
    const awayMs = this.#entrance.awayMs(performance.now());
    if (awayMs <= donorAwayMsMax) return;
    const where = `region "${donor.region}" at ${donor.host}:${donor.port}`;
    const seconds = Math.round(awayMs / 1000);
    throw new OperatorError(
      'JOIN_DONOR_AWAY',
      `the donor, ${where}, could not be reached for ${seconds} s: ${lastError ?? 'the engine did not dial'}`,
      'See that the donor and the network to it work, then join again, from it or from another member.',
    );
  }

  #tell(): void {
    const state = this.#state;
    const phase = this.#phase;
    const nowMs = performance.now();
    const bytes = this.#entrance.bytes + this.#logBytes;
    const givenBytes = this.#entrance.givenBytes + this.#logBytes;
    this.#bytesRate.note(bytes, nowMs);
    const bytesPerSecond = Math.round(this.#bytesRate.perSecond(bytes, nowMs));
    const whole = this.#entrance.donorDataBytes;
    const isFilled = phase === 'stream' || phase === 'cut' || phase === 'done';
    let percent: number | null = isFilled ? 100 : null;
    let secondsLeft: number | null = null;
    if (!isFilled && whole !== null && state !== undefined) {
      this.#dataRate.note(state.dataBytes, nowMs);
      // Both engines have something even when they are empty; more than whole is as good as whole.
      percent = Math.min(99, Math.round((state.dataBytes * 1000) / Math.max(1, whole)) / 10);
      const perSecond = this.#dataRate.perSecond(state.dataBytes, nowMs);
      if (perSecond > 0) {
        secondsLeft = Math.max(0, Math.round((whole - state.dataBytes) / perSecond));
      }
    }
    this.#options.onProgress?.({
      phase,
      bytes,
      givenBytes,
      logBytes: this.#logBytes,
      percent,
      bytesPerSecond,
      secondsLeft,
      restarts: Math.max(0, this.#entrance.opened - 1),
      lastError: this.#entrance.lastError,
    });
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => this.#throwIfEnded());
  }

  #throwIfEnded(): void {
    if (!this.#signal.aborted) return;
    throw new OperatorError(
      'JOIN_ENDED',
      'the join was ended on request',
      'Join again when wanted.',
    );
  }
}

/** Errors of sockets have a code or come from us as plain errors; these two come from wrong code. */
function isBug(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError;
}

function checkNoLog(logDir: string): void {
  if (!existsSync(logDir) || readdirSync(logDir).length === 0) {
    rmSync(logDir, { recursive: true, force: true });
    return;
  }
  throw new OperatorError(
    'JOIN_LOG_EXISTS',
    `there is a log in ${logDir} already, but a member that joins gets that of its donor`,
    'Give the new member a state directory of its own; never one of a member that was unlinked.',
  );
}

function removeLog(logDir: string): void {
  rmSync(logDir, { recursive: true, force: true });
  rmSync(`${logDir}.partial`, { recursive: true, force: true });
}

/** The marker stays: whoever joins next wipes once more, whatever could not be wiped now. */
async function cleanUp(logger: Logger, engine: NewcomerEngine, logDir: string): Promise<void> {
  removeLog(logDir);
  await engine.wipe().catch((error: unknown) => {
    logger.warn({ error }, 'the engine could not be emptied; the next join does it');
  });
}
