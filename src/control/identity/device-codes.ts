// Sign-in on another device (RFC 8628): a program without a browser shows a short code; its user enters that code,
// a name and a password on a page of this server, and the program, which asks again and again, gets tokens. Codes
// live for a quarter of an hour, in memory: who began before a restart begins again.

import { randomBytes, randomInt } from 'node:crypto';
import type { Caller } from './tokens.ts';

export const CODE_SECONDS = 900;
/** How often programs are to ask. */
export const POLL_SECONDS = 2;
/** No vowels and nothing that looks like something else: no words, and no mistakes. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const CODE_LENGTH = 8;
const CODES_MAX = 1_000;
/** Of one address. */
const CODES_OF_ADDRESS_MAX = 50;

export interface Asked {
  /** The program's. */
  readonly clientId: string;
  /** For whom its tokens are to be. */
  readonly audience: string;
  /** From where it asks. */
  readonly address: string;
}

interface Pending extends Asked {
  readonly userCode: string;
  readonly endsMs: number;
  polledMs: number;
  user: Caller | null;
}

export type Redeemed =
  | { readonly state: 'pending' | 'tooFast' | 'over' }
  | { readonly state: 'done'; readonly user: Caller; readonly audience: string };

export class DeviceCodes {
  readonly #now: () => number;
  /** By device code, in the order in which they began. */
  readonly #pending = new Map<string, Pending>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** null: too many are under way. */
  begin(asked: Asked): { deviceCode: string; userCode: string } | null {
    this.#forgetOld();
    const all = [...this.#pending.values()];
    const ofAddress = all.filter(({ address }) => address === asked.address).length;
    if (all.length >= CODES_MAX || ofAddress >= CODES_OF_ADDRESS_MAX) return null;
    const taken = new Set(all.map(({ userCode }) => userCode));
    let userCode = newUserCode();
    while (taken.has(userCode)) userCode = newUserCode();
    const deviceCode = randomBytes(32).toString('base64url');
    const endsMs = this.#now() + CODE_SECONDS * 1_000;
    this.#pending.set(deviceCode, { ...asked, userCode, endsMs, polledMs: 0, user: null });
    return { deviceCode, userCode };
  }

  /** What waits for this code, however it was typed; null: nothing does, or somebody has entered it already. */
  find(typed: string): Asked | null {
    return this.#waiting(typed) ?? null;
  }

  /** This user has entered it. False: it was over by then. */
  enter(typed: string, user: Caller): boolean {
    const found = this.#waiting(typed);
    if (found === undefined) return false;
    found.user = user;
    return true;
  }

  /** How far it is. Tokens are given for it once. */
  redeem(deviceCode: string, clientId: string): Redeemed {
    this.#forgetOld();
    const found = this.#pending.get(deviceCode);
    if (found === undefined || found.clientId !== clientId) return { state: 'over' };
    if (found.user !== null) {
      this.#pending.delete(deviceCode);
      return { state: 'done', user: found.user, audience: found.audience };
    }
    const nowMs = this.#now();
    const isTooFast = nowMs - found.polledMs < (POLL_SECONDS * 1_000) / 2;
    found.polledMs = nowMs;
    return { state: isTooFast ? 'tooFast' : 'pending' };
  }

  #waiting(typed: string): Pending | undefined {
    this.#forgetOld();
    const letters = typed.toUpperCase().replace(/[^A-Z]/g, '');
    const all = [...this.#pending.values()];
    return all.find(({ userCode, user }) => user === null && userCode.replace('-', '') === letters);
  }

  #forgetOld(): void {
    const nowMs = this.#now();
    for (const [code, { endsMs }] of this.#pending) {
      if (endsMs > nowMs) return;
      this.#pending.delete(code);
    }
  }
}

function newUserCode(): string {
  const letters = Array.from({ length: CODE_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]);
  return `${letters.slice(0, CODE_LENGTH / 2).join('')}-${letters.slice(CODE_LENGTH / 2).join('')}`;
}
