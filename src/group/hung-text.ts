// What operators are told of an engine that is there and answers nothing.

import { durationText } from '../base/amounts.ts';
import type { HungEngine } from './group-file.ts';

/** Since when, why it is left alone, and what to do. */
export function hungText({ pid, sinceMs, obstacle }: HungEngine, nowMs: number): string {
  return [
    `it has answered nothing for ${durationText(nowMs - sinceMs)}, and is left alone, as ${obstacle}.`,
    `See what process ${pid} waits for (a disk, a command that takes long; one that was stopped goes on with \`kill -CONT ${pid}\`).`,
    `If it will not wake up: \`kill -9 ${pid}\`. Then its standby takes its place, or an empty engine that is filled from another member.`,
  ].join(' ');
}
