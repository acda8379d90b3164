// Where the stream is captured: from the standby while there is one that can go on with it, else from the engine.
// What the standby lacks is then never shipped, and when it takes the engine's place no region shows a write that
// is not there too.
//
//   engine    asks the standby twice a second whether it can go on; if so: capture from the engine ends, the
//             standby is waited for until it has all that was captured, and capture goes on there -> standby
//   standby   it has hung, or lost its engine, and the engine answers -> engine
//   neither   the connection was lost: in a moment, whichever can go on
//
// Guarantees: at most one of them is captured at a time, and each from where the one before ended. A standby is
// asked for its stream only when it has said that it can continue it. That the engine cannot is told by onLost;
// that the standby cannot, after all, leads back to the engine.

import type { Logger } from 'pino';
import { Capture, type CaptureOptions, type StreamPosition } from './capture.ts';
import { judgeStandby, type StandbyState, type Verdict } from './standby-state.ts';

const RETRY_MS = 200;
export const LOOK_EVERY_MS = 500;
/** While a standby is so far behind capture stays where it is. */
const HANDOVER_BYTES_MAX = 4 * 1024 * 1024;
const HANDOVER_MS_MAX = 1000;
const HANDOVER_POLL_MS = 5;
/** After a handover that came to nothing. */
const HANDOVER_AGAIN_MS = 5000;
/** So many looks in a row must find the standby cut off from its engine. */
const CUT_OFF_LOOKS = 3;

export type SourceName = 'engine' | 'standby';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface StreamSourceOptions {
  readonly engine: Address & { readonly username: string; readonly password: string };
  /** With the engine's user and password. */
  readonly standby?: Address | undefined;
  readonly gatherMs: number;
  readonly logger: Logger;
  /** What the standby says of itself, or why nothing is known. */
  askStandby(): Promise<StandbyState | string>;
  /** The same of the engine. */
  askEngine(): Promise<StandbyState | string>;
  /** Where to go on; undefined before the very first start. */
  position(): StreamPosition | undefined;
  /** Nothing more can be taken in at the moment. */
  isBlocked(): boolean;
  onStart(position: StreamPosition): void;
  /** The chunk is lent until it returns. */
  onData(chunk: Buffer): void;
  /** The engine no longer has the stream from `position` on. */
  onLost(reason: string, position: StreamPosition | undefined): void;
  /** Opens a capture; default: a Capture. */
  readonly open?: (options: CaptureOptions) => CaptureHandle;
}

export type CaptureHandle = Pick<
  Capture,
  'acknowledge' | 'close' | 'hurry' | 'pause' | 'received' | 'resume'
>;

export interface StreamSourceStatus {
  /** Whose stream is captured at the moment; null: nobody's. */
  readonly source: SourceName | null;
  readonly standby: {
    readonly host: string;
    readonly port: number;
    /** Why it is not captured from; null: it is, or could be. */
    readonly obstacle: string | null;
    /** What the engine has streamed and the standby has not carried out; null: not known. */
    readonly lagBytes: number | null;
  } | null;
}

export class StreamSource {
  readonly #options: StreamSourceOptions;
  #capture: CaptureHandle | undefined;
  #source: SourceName | null = null;
  /** The one that was last told of in the log. */
  #told: SourceName | undefined;
  #obstacle: string | null = 'it has not been asked yet';
  #lagBytes: number | null = null;
  #isLooking = false;
  #handoverNotBefore = 0;
  #cutOffLooks = 0;
  #timers: { retry?: NodeJS.Timeout; looks?: NodeJS.Timeout } = {};
  #isStopped = false;

  constructor(options: StreamSourceOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#connect();
    if (this.#options.standby === undefined) return;
    this.#timers.looks = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  close(): void {
    this.#isStopped = true;
    clearTimeout(this.#timers.retry);
    clearInterval(this.#timers.looks);
    this.#capture?.close();
  }

  /** A stream is being captured. */
  get isOpen(): boolean {
    return this.#capture !== undefined;
  }

  get status(): StreamSourceStatus {
    const { standby } = this.#options;
    const said = { obstacle: this.#obstacle, lagBytes: this.#lagBytes };
    return {
      source: this.#source,
      standby: standby === undefined ? null : { ...standby, ...said },
    };
  }

  hurry(untilOffset?: number): void {
    this.#capture?.hurry(untilOffset);
  }

  pause(): void {
    this.#capture?.pause();
  }

  resume(): void {
    this.#capture?.resume();
  }

  acknowledge(offset: number): void {
    this.#capture?.acknowledge(offset);
  }

  // --- which one ----------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    const verdict = await this.#judge();
    if (this.#isStopped || this.#capture !== undefined) return;
    this.#open(verdict.kind === 'ready' ? 'standby' : 'engine');
  }

  async #judge(): Promise<Verdict> {
    const { standby, askStandby, position } = this.#options;
    if (standby === undefined) return { kind: 'unfit', reason: 'there is none' };
    const state = await askStandby();
    const from = position();
    const verdict: Verdict =
      from === undefined
        ? { kind: 'unfit', reason: 'the stream has not begun' }
        : judgeStandby(state, from);
    this.#obstacle = obstacleIn(verdict);
    return verdict;
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const engine = await this.#options.askEngine();
      const state = await this.#options.askStandby();
      if (this.#isStopped) return;
      const isKnown = typeof state !== 'string' && typeof engine !== 'string';
      this.#lagBytes = isKnown ? Math.max(0, engine.offset - state.offset) : null;
      if (this.#source === 'engine') await this.#lookFromEngine(state);
      else if (this.#source === 'standby') this.#lookFromStandby(state, typeof engine !== 'string');
    } finally {
      this.#isLooking = false;
    }
  }

  async #lookFromEngine(state: StandbyState | string): Promise<void> {
    const position = this.#options.position();
    if (position === undefined) return;
    const verdict = judgeStandby(state, position);
    this.#obstacle = obstacleIn(verdict);
    const isNear =
      verdict.kind === 'ready' ||
      (verdict.kind === 'behind' && verdict.bytes <= HANDOVER_BYTES_MAX);
    if (!isNear || this.#options.isBlocked() || performance.now() < this.#handoverNotBefore) return;
    await this.#handOver();
  }

  /** Capture from the engine ends, so that the standby can come as far. */
  async #handOver(): Promise<void> {
    this.#leave();
    const untilMs = performance.now() + HANDOVER_MS_MAX;
    let verdict = await this.#judge();
    while (verdict.kind === 'behind' && performance.now() < untilMs && !this.#isStopped) {
      await new Promise((resolve) => setTimeout(resolve, HANDOVER_POLL_MS));
      verdict = await this.#judge();
    }
    if (verdict.kind !== 'ready') {
      this.#handoverNotBefore = performance.now() + HANDOVER_AGAIN_MS;
    }
    if (!this.#isStopped) this.#open(verdict.kind === 'ready' ? 'standby' : 'engine');
  }

  #lookFromStandby(state: StandbyState | string, engineAnswers: boolean): void {
    const isCutOff = typeof state === 'string' || !state.isLinked;
    this.#cutOffLooks = isCutOff && engineAnswers ? this.#cutOffLooks + 1 : 0;
    if (this.#cutOffLooks < CUT_OFF_LOOKS) return;
    this.#cutOffLooks = 0;
    this.#obstacle = typeof state === 'string' ? state : 'it has no connection with its engine';
    this.#handoverNotBefore = performance.now() + HANDOVER_AGAIN_MS;
    this.#leave();
    this.#open('engine');
  }

  // --- the capture --------------------------------------------------------------------------------

  /** Ends the present capture without another word from it. */
  #leave(): void {
    const left = this.#capture;
    this.#capture = undefined;
    this.#source = null;
    left?.close();
  }

  #open(source: SourceName): void {
    const { engine, gatherMs, logger, position, onData, open = newCapture } = this.#options;
    const { host, port } = (source === 'standby' ? this.#options.standby : undefined) ?? engine;
    const resume = position();
    const isPresent = () => this.#capture === capture && !this.#isStopped;
    const capture = open({
      host,
      port,
      username: engine.username,
      password: engine.password,
      resume,
      gatherMs,
      lendChunks: true,
      onStart: (from) => {
        if (!isPresent()) return;
        this.#source = source;
        this.#tell(source);
        this.#options.onStart(from);
      },
      onData: (chunk) => {
        if (isPresent()) onData(chunk);
      },
      onLost: (reason) => {
        if (!isPresent()) return;
        // It said otherwise just now.
        if (source === 'standby')
          logger.warn({ reason }, 'the standby does not go on with the stream');
        else this.#options.onLost(reason, resume);
      },
      onClose: (error) => {
        if (isPresent()) this.#closed(source, error);
      },
      logger,
    });
    this.#capture = capture;
  }

  #closed(source: SourceName, error: Error | undefined): void {
    this.#leave();
    if (error !== undefined) {
      this.#options.logger.warn({ error: error.message }, 'the replication stream was interrupted');
    } else if (source === 'engine') return;
    this.#timers.retry = setTimeout(() => void this.#connect(), RETRY_MS);
  }

  #tell(source: SourceName): void {
    const { standby, logger } = this.#options;
    if (standby === undefined || source === this.#told) return;
    this.#told = source;
    if (source === 'standby') {
      this.#obstacle = null;
      logger.info(standby, 'capture reads from the standby');
    } else {
      const reason = this.#obstacle;
      logger.warn({ reason }, 'capture reads from the engine: the standby cannot be used');
    }
  }
}

function newCapture(options: CaptureOptions): CaptureHandle {
  return new Capture(options);
}

function obstacleIn(verdict: Verdict): string | null {
  if (verdict.kind === 'behind') return `it is ${verdict.bytes} bytes behind what was captured`;
  return verdict.kind === 'unfit' ? verdict.reason : null;
}
