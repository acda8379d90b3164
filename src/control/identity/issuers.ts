// Issuers of tokens beside this server: OpenID Connect providers that its configuration trusts. Their tokens are
// verified with the keys that they publish; a claim says who it is, and a principal that was made for that issuer and
// that claim has the rights. So no issuer can speak for anybody but those who were given to it.

import {
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import { OperatorError } from '../../base/errors.ts';
import { ArmError } from '../model/arm-error.ts';
import { isStorable, printableText } from '../model/text-safety.ts';
import type { Db } from '../store/store.ts';
import { externalPrincipal } from './principals.ts';
import type { Caller } from './tokens.ts';

/** No shared secrets: whoever publishes one cannot keep it. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA'];
const FETCH_TIMEOUT_MS = 5_000;
/** Of what a claim says. */
export const SUBJECT_MAX = 200;
const CLOCKS_DIFFER_BY_S = 60;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

const issuerShape = z.strictObject({
  /** As its tokens write it. */
  issuer: z.url(),
  /** For whom its tokens are. */
  audience: z.string().min(1),
  /** Which claim names a principal. */
  claim: z.string().min(1).default('sub'),
  /** Where its keys are; default: where its openid-configuration says. */
  jwksUri: z.url().optional(),
});
export type IssuerSettings = z.infer<typeof issuerShape>;

/** Throws OperatorError. `given`: one or a list of them, as a file of settings has it. */
export function readIssuers(given: unknown): IssuerSettings[] {
  const parsed = z.array(issuerShape).safeParse(Array.isArray(given) ? given : [given]);
  const why = parsed.success
    ? parsed.data.flatMap(({ issuer, jwksUri = issuer }) => [issuer, jwksUri]).find(isUnsafe)
    : z.prettifyError(parsed.error);
  if (parsed.success && why === undefined) return parsed.data;
  throw new OperatorError(
    'ISSUER_INVALID',
    `an issuer of tokens is not set up as it should be: ${why}`,
    'Give {"issuer": "https://...", "audience": "...", "claim": "sub", "jwksUri": "https://..."}; http is for this machine only.',
  );
}

/** Keys that come without TLS may be anybody's. */
function isUnsafe(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol !== 'https:' && !(protocol === 'http:' && LOOPBACK.includes(hostname));
}

export class ExternalIssuers {
  readonly #issuers: ReadonlyMap<string, IssuerSettings>;
  readonly #keys = new Map<string, Promise<JWTVerifyGetKey>>();

  constructor(issuers: readonly IssuerSettings[]) {
    this.#issuers = new Map(issuers.map((one) => [one.issuer, one]));
  }

  get names(): string[] {
    return [...this.#issuers.keys()];
  }

  /** Who speaks; null: the token does not say that it is of one of these. Throws ArmError. */
  async verify(db: Db, token: string): Promise<Caller | null> {
    const settings = this.#issuers.get(issuerOf(token));
    if (settings === undefined) return null;
    const payload = await this.#payloadOf(token, settings);
    const subject = payload[settings.claim];
    const isText = typeof subject === 'string' && subject !== '' && isStorable(subject);
    if (!isText || subject.length > SUBJECT_MAX) {
      throw invalid(`its claim '${settings.claim}' is no text of 1 to ${SUBJECT_MAX} characters`);
    }
    const caller = await externalPrincipal(db, settings.issuer, subject);
    if (caller !== null) return caller;
    throw new ArmError(
      403,
      'PrincipalNotFound',
      `The token is one of ${settings.issuer}, but there is no principal here for its ${settings.claim} '${printableText(subject, 100)}'.`,
    );
  }

  async #payloadOf(token: string, settings: IssuerSettings): Promise<JWTPayload> {
    const { issuer, audience } = settings;
    let keys: JWTVerifyGetKey;
    try {
      keys = await this.#keysOf(settings);
    } catch (error) {
      throw unavailable(issuer, error);
    }
    try {
      const { payload } = await jwtVerify(token, keys, {
        ...{ issuer, audience, algorithms: ALGORITHMS },
        ...{ requiredClaims: ['exp'], clockTolerance: CLOCKS_DIFFER_BY_S },
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired) {
        throw new ArmError(401, 'ExpiredAuthenticationToken', 'The access token has expired.');
      }
      // What jose finds in a token is one of its errors with a more telling class; the rest is the fetching.
      const isFetching =
        error instanceof errors.JWKSTimeout ||
        !(error instanceof errors.JOSEError) ||
        error.code === 'ERR_JOSE_GENERIC';
      if (isFetching) throw unavailable(issuer, error);
      throw invalid('it is not one that its issuer signed for this server');
    }
  }

  /** Found once; keys that are not known yet are fetched again, not too often. */
  async #keysOf(settings: IssuerSettings): Promise<JWTVerifyGetKey> {
    const { issuer } = settings;
    const found = this.#keys.get(issuer) ?? keysAt(settings);
    this.#keys.set(issuer, found);
    try {
      return await found;
    } catch (error) {
      this.#keys.delete(issuer);
      throw error;
    }
  }
}

async function keysAt({ issuer, jwksUri }: IssuerSettings): Promise<JWTVerifyGetKey> {
  const uri = jwksUri ?? (await publishedUri(issuer));
  return createRemoteJWKSet(new URL(uri), { timeoutDuration: FETCH_TIMEOUT_MS });
}

const configurationShape = z.object({ issuer: z.string(), jwks_uri: z.url() });

async function publishedUri(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  const response = await fetch(url, { signal, redirect: 'error' });
  const { issuer: named, jwks_uri } = configurationShape.parse(await response.json());
  if (named !== issuer) throw new Error(`it calls itself ${printableText(named, 200)}`);
  if (isUnsafe(jwks_uri)) throw new Error('its keys are at an address without TLS');
  return jwks_uri;
}

function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? '';
  } catch {
    return '';
  }
}

function invalid(why: string): ArmError {
  return new ArmError(401, 'InvalidAuthenticationToken', `The access token is invalid: ${why}.`);
}

function unavailable(issuer: string, error: unknown): ArmError {
  const why = printableText(error instanceof Error ? error.message : String(error), 200);
  return new ArmError(
    503,
    'IssuerUnavailable',
    `The keys of ${issuer}, which issued the access token, cannot be had: ${why}`,
  );
}
