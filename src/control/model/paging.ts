// Pages of a list: where the next one begins travels in the link to it.

import { badRequest } from './arm-error.ts';

export const PAGE_SIZE = 100;
const KEY_MAX = 1000;

export function skipToken(afterKey: string): string {
  return Buffer.from(afterKey, 'utf8').toString('base64url');
}

/** The key behind which a page begins; null: at the beginning. Throws ArmError for what is no token. */
export function readSkipToken(token: unknown): string | null {
  if (token === undefined) return null;
  if (typeof token === 'string' && /^[A-Za-z0-9_-]+$/.test(token)) {
    const key = Buffer.from(token, 'base64url').toString('utf8');
    if (key.length <= KEY_MAX && key.startsWith('/') && skipToken(key) === token) return key;
  }
  throw badRequest('The $skipToken is not one that this server has given.', '$skipToken');
}

/** What of `rows`, one more than a page where there are so many, makes this page, and the token of the next. */
export function page<Row extends { readonly key: string }>(
  rows: readonly Row[],
  size: number = PAGE_SIZE,
): { rows: readonly Row[]; nextToken: string | null } {
  const last = rows[size - 1];
  if (rows.length <= size || last === undefined) return { rows, nextToken: null };
  return { rows: rows.slice(0, size), nextToken: skipToken(last.key) };
}
