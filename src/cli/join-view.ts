// How far a join has come, as people read it.

import { bytesText, durationText } from '../base/amounts.ts';
import type { JoinProgress } from '../replicator/join/progress.ts';

/** Such as `snapshot 45 %: 1.2 MB, 800 kB/s, 3.0 s left`. */
export function joinText(progress: JoinProgress): string {
  const { phase, bytes, percent, secondsLeft, bytesPerSecond, lastError } = progress;
  const share = percent === null ? '' : ` ${percent.toFixed(0)} %`;
  const left = secondsLeft === null ? '' : `, ${durationText(Math.ceil(secondsLeft) * 1000)} left`;
  const error = lastError === null ? '' : `; ${lastError}`;
  return `${phase}${share}: ${bytesText(bytes)}, ${bytesText(bytesPerSecond)}/s${left}${error}`;
}
