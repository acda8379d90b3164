// How long what is kept for a member that is away can go on growing: pure arithmetic.

const WINDOW_MS = 600_000;
const SAMPLE_EVERY_MS = 5000;
/** Less says nothing about an hour. */
const SPAN_MS_MIN = 5000;
const HOUR_MS = 3_600_000;

/** How fast a size grows, measured over the last ten minutes. */
export class Growth {
  #samples: { bytes: number; atMs: number }[] = [];
  #last: { bytes: number; atMs: number } | undefined;

  /** `nowMs` of a clock that does not jump. */
  add(bytes: number, nowMs: number): void {
    this.#last = { bytes, atMs: nowMs };
    const newest = this.#samples.at(-1);
    if (newest === undefined || nowMs - newest.atMs >= SAMPLE_EVERY_MS) {
      this.#samples.push(this.#last);
      this.#samples = this.#samples.filter(({ atMs }) => nowMs - atMs <= WINDOW_MS);
    }
  }

  /** null: it was not watched for long enough. */
  get bytesPerHour(): number | null {
    const first = this.#samples[0];
    if (first === undefined || this.#last === undefined) return null;
    const spanMs = this.#last.atMs - first.atMs;
    if (spanMs < SPAN_MS_MIN) return null;
    return ((this.#last.bytes - first.bytes) * HOUR_MS) / spanMs;
  }
}

export interface Room {
  /** Size of the log. */
  readonly logBytes: number;
  /** What it may grow to. */
  readonly maxBytes: number;
  /** Free on its disk; null: not known. */
  readonly freeBytes: number | null;
  /** So much of the disk is to stay free. */
  readonly minFreeBytes: number;
}

/** The size that the log cannot exceed: by the settings or by the disk, whichever comes first. */
export function limitOf({ logBytes, maxBytes, freeBytes, minFreeBytes }: Room): number {
  if (freeBytes === null) return maxBytes;
  return Math.min(maxBytes, logBytes + Math.max(0, freeBytes - minFreeBytes));
}

/** In how many ms the limit is reached at this rate; null: never, or it is not known. */
export function runwayMs(room: Room, bytesPerHour: number | null): number | null {
  const left = limitOf(room) - room.logBytes;
  if (left <= 0) return 0;
  if (bytesPerHour === null || bytesPerHour <= 0) return null;
  return (left / bytesPerHour) * HOUR_MS;
}
