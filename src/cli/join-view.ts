// How far a join has come, as people read it.

import { bytesText, durationText } from '../base/amounts.ts';
import type { JoinProgress } from '../replicator/join/progress.ts';

/** Such as `1.2 MB travelled for 45 MB of data (2.7 %), and 300 kB of log`. */
export function travelledText({ bytes, givenBytes, logBytes }: JoinProgress): string {
  const [travelled, data] = [bytes - logBytes, givenBytes - logBytes];
  const log = `, and ${bytesText(logBytes)} of log`;
  if (data <= travelled) return `${bytesText(travelled)} of data travelled${log}`;
  const share = ((travelled / data) * 100).toFixed(1);
  return `${bytesText(travelled)} travelled for ${bytesText(data)} of data (${share} %)${log}`;
}

/** Such as `snapshot 45 %: 1.2 MB, 800 kB/s, 3.0 s left`. */
export function joinText(progress: JoinProgress): string {
  const { phase, bytes, percent, secondsLeft, bytesPerSecond, lastError } = progress;
  const share = percent === null ? '' : ` ${percent.toFixed(0)} %`;
  const left = secondsLeft === null ? '' : `, ${durationText(Math.ceil(secondsLeft) * 1000)} left`;
  const error = lastError === null ? '' : `; ${lastError}`;
  return `${phase}${share}: ${bytesText(bytes)}, ${bytesText(bytesPerSecond)}/s${left}${error}`;
}
