// What lets a machine become a host: sealed with the key of the control plane, so that whoever has its folder can make
// one without asking the control plane, and nobody else. For one region, a short while, and one use; with the
// fingerprint of the local CA, by which the machine knows the control plane.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { certificateFingerprint } from '../../group/authority.ts';
import { ArmError } from '../model/arm-error.ts';
import type { Sealer } from '../store/sealing.ts';

const ABOUT = 'host-token';
const contentSchema = z.strictObject({
  region: z.string(),
  expiresMs: z.number(),
  /** Tells it from all others, once it has been used. */
  nonce: z.string(),
});
export type HostToken = z.infer<typeof contentSchema>;

export interface TokenWish {
  readonly region: string;
  readonly lifetimeMs: number;
  readonly nowMs: number;
  /** PEM of the local CA. */
  readonly authority: string;
}

export function makeHostToken(sealer: Sealer, wish: TokenWish): string {
  const content: HostToken = {
    region: wish.region,
    expiresMs: wish.nowMs + wish.lifetimeMs,
    nonce: randomUUID(),
  };
  const sealed = Buffer.from(sealer.seal(JSON.stringify(content), ABOUT), 'base64');
  return `${sealed.toString('base64url')}.${certificateFingerprint(wish.authority)}`;
}

/** Throws ArmError 401. Whether it was used before is for the inventory to say. */
export function readHostToken(sealer: Sealer, token: string, nowMs: number): HostToken {
  const [sealed = ''] = token.split('.');
  let content: HostToken;
  try {
    const bytes = Buffer.from(sealed, 'base64url').toString('base64');
    content = contentSchema.parse(JSON.parse(sealer.unseal(bytes, ABOUT)));
  } catch {
    throw refusedToken('it is not one of this control plane');
  }
  if (content.expiresMs <= nowMs) throw refusedToken('it has expired');
  return content;
}

export function refusedToken(why: string): ArmError {
  return new ArmError(401, 'HostTokenInvalid', `The token for a host is refused: ${why}.`);
}
