// Judges the own wall clock: whether it was set, and whether it is wrong. Two things tell. A monotonic clock
// shows at once that the wall clock was set, but not whether it was right before or is right now. The clocks of
// the peers show a second later which: the time of the majority counts, the own clock being one vote.
//
// Until the peers have answered, a step is not followed: own writes keep the time that they would have had. So
// a clock that jumps stamps no write with a wrong time, as long as there are peers to ask.

/** What is known of the own clock. */
export interface ClockVerdict {
  /** Own clock minus the time of the majority; null while no peer's clock is known. */
  readonly aheadOfPeersMs: number | null;
  /** So many peers were heard. */
  readonly peers: number;
  /** Added to the wall clock where writes are stamped. */
  readonly correctionMs: number;
}

export class OwnClock {
  readonly #hasPeers: boolean;
  readonly #onStep: (stepMs: number) => void;
  #differenceMs: number | undefined;
  /** By so much it was set since it was last known to be right. */
  #steppedMs = 0;
  #verdict: ClockVerdict = { aheadOfPeersMs: null, peers: 0, correctionMs: 0 };

  /** `onStep`: the wall clock was set: what is known of the peers' clocks is void. */
  constructor(hasPeers: boolean, onStep: (stepMs: number) => void) {
    this.#hasPeers = hasPeers;
    this.#onStep = onStep;
  }

  get verdict(): ClockVerdict {
    return this.#verdict;
  }

  /** Both clocks as they are now; to be called before anything is stamped. Steps of up to `toleranceMs` pass. */
  observe(wallMs: number, monotonicMs: number, toleranceMs: number): void {
    const differenceMs = wallMs - monotonicMs;
    const stepMs = differenceMs - (this.#differenceMs ?? differenceMs);
    this.#differenceMs = differenceMs;
    if (Math.abs(stepMs) <= toleranceMs) return;
    this.#onStep(stepMs);
    if (!this.#hasPeers) return;
    this.#steppedMs += stepMs;
    const correctionMs = this.#verdict.correctionMs - stepMs;
    this.#verdict = { aheadOfPeersMs: null, peers: 0, correctionMs };
  }

  /** The clocks of the peers minus the own one, as measured since the last step. */
  measured(skewsMs: readonly number[], toleranceMs: number): void {
    const peers = skewsMs.length;
    if (peers === 0) {
      this.#verdict = { ...this.#verdict, aheadOfPeersMs: null, peers };
      return;
    }
    const majorityMs = middle(skewsMs);
    // A single peer outvotes nobody; but who was just set and now differs from it is the one that is wrong.
    const single = peers === 1 && this.#steppedMs !== 0 ? (skewsMs[0] as number) : 0;
    const offMs = majorityMs === 0 ? single : majorityMs;
    const isOff = Math.abs(offMs) > toleranceMs;
    if (!isOff) this.#steppedMs = 0;
    const shownMs = peers === 1 ? (skewsMs[0] as number) : majorityMs;
    this.#verdict = { aheadOfPeersMs: -shownMs, peers, correctionMs: isOff ? offMs : 0 };
  }
}

/** The middle one of the clocks, the own one (0) among them; of two the one that is nearer to it. */
function middle(skewsMs: readonly number[]): number {
  const clocks = [0, ...skewsMs].sort((a, b) => a - b);
  const upper = clocks[clocks.length >> 1] as number;
  const lower = clocks[(clocks.length - 1) >> 1] as number;
  return Math.abs(lower) <= Math.abs(upper) ? lower : upper;
}

/** What an operator is told; undefined: the clock is as it should be. */
export function clockAlarm(verdict: ClockVerdict, toleranceMs: number): string | undefined {
  const { aheadOfPeersMs, peers, correctionMs } = verdict;
  if (aheadOfPeersMs === null) {
    if (correctionMs === 0) return undefined;
    return (
      `own clock was set by ${seconds(correctionMs)} s and no peer has confirmed it: ` +
      'writes are stamped as if it had not been. Connect a peer, or compare it with a time server.'
    );
  }
  if (Math.abs(aheadOfPeersMs) <= toleranceMs) return undefined;
  const direction = aheadOfPeersMs > 0 ? 'ahead of' : 'behind';
  const whom = peers === 1 ? '1 peer' : `${peers} peers`;
  const stamped =
    correctionMs === 0
      ? 'Writes are stamped with it. '
      : "Writes are stamped with the peers' time meanwhile. ";
  return (
    `own clock is ${seconds(aheadOfPeersMs)} s ${direction} ${whom}. ${stamped}` +
    'Correct the clock of the machine that is wrong, and see that it follows a time server (chronyc tracking).'
  );
}

function seconds(ms: number): string {
  return Math.round(Math.abs(ms) / 1000).toLocaleString('en-US');
}
