// What may never reach the database or a log, wherever in a request it stands: text that is no valid Unicode, the
// character NUL, and nesting without end.

import { badRequest } from './arm-error.ts';

const DEPTH_MAX = 24;

/** Throws ArmError when a decoded body holds what nobody can store. */
export function checkStorable(value: unknown, depth = 0): void {
  if (depth > DEPTH_MAX) throw badRequest(`The body is nested deeper than ${DEPTH_MAX} levels.`);
  if (typeof value === 'string') {
    if (!isStorable(value))
      throw badRequest('The body holds text that is no valid Unicode, or NUL.');
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, one] of Object.entries(value)) {
    if (!isStorable(name)) throw badRequest('The body holds a name that is no valid Unicode.');
    checkStorable(one, depth + 1);
  }
}

export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** For messages and records: no control characters, not longer than `max`. */
export function printableText(text: string, max: number): string {
  const clean = text.toWellFormed().replace(/\p{Cc}/gu, '?');
  return clean.length > max ? `${clean.slice(0, max)}…` : clean;
}
