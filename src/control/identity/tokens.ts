// Access tokens: signed with a key of this control plane (RS256), for an hour, for one audience and one tenant. Those
// of issuers that it trusts are good too.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { exportJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import { ArmError } from '../model/arm-error.ts';
import type { Sealer } from '../store/sealing.ts';
import { type Db, type Store, settingOf } from '../store/store.ts';
import { ExternalIssuers } from './issuers.ts';

export const TOKEN_SECONDS = 3_600;
const ALGORITHM = 'RS256';
const KEY_ID = 'atoll-1';

export interface Caller {
  readonly objectId: string;
  /** Application id of a service principal, name of a user. */
  readonly login: string;
}

/** For whom tokens are that are good for data, and for nothing here; by this, and by an older id, clients ask. */
const DATA_AUDIENCE = 'https://redis.azure.com';
const DATA_SCOPE =
  /^(https:\/\/redis\.azure\.com|acca5fbb-b7e4-4009-81f1-37e38fd66d78)\/?(\/\.default)?$/;

export type OnDataToken = (objectId: string, token: string, untilMs: number) => Promise<void>;

export class Tokens {
  readonly tenant: string;
  /** Told of each token for data before its owner has it. */
  onDataToken: OnDataToken | null = null;
  /** For whom tokens are given and accepted: the addresses of this server. */
  readonly #audiences = new Set<string>();
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #db: Db;
  readonly #issuers: ExternalIssuers;

  private constructor(tenant: string, privateKey: KeyObject, db: Db, issuers: ExternalIssuers) {
    this.tenant = tenant;
    this.#privateKey = privateKey;
    this.#publicKey = createPublicKey(privateKey);
    this.#db = db;
    this.#issuers = issuers;
  }

  /** With the key in the database, which is made when there is none. */
  static async open(
    store: Store,
    sealer: Sealer,
    tenant: string,
    issuers: ExternalIssuers = new ExternalIssuers([]),
  ): Promise<Tokens> {
    const sealed = await settingOf(store.db, 'signing-key', () => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      return sealer.seal(pem, 'signing-key');
    });
    const key = createPrivateKey(sealer.unseal(sealed, 'signing-key'));
    return new Tokens(tenant, key, store.db, issuers);
  }

  /** Issuers other than this server. */
  get trustedIssuers(): readonly string[] {
    return this.#issuers.names;
  }

  addAudiences(audiences: readonly string[]): void {
    for (const one of audiences) this.#audiences.add(bare(one));
  }

  /** The audience that a scope such as https://host/.default means; null: it is none of this server. */
  audienceOf(scope: string): string | null {
    if (scope.split(/\s+/).some((one) => DATA_SCOPE.test(one))) return DATA_AUDIENCE;
    const wanted = scope
      .split(/\s+/)
      .find((one) => /^https?:/.test(one))
      ?.replace(/\/(\.default|user_impersonation)$/, '');
    if (wanted === undefined) return null;
    return this.#audiences.has(bare(wanted)) ? wanted : null;
  }

  async issue(
    caller: Caller,
    audience: string,
    kind: 'ServicePrincipal' | 'User',
  ): Promise<string> {
    const isUser = kind === 'User';
    const token = await new SignJWT({
      tid: this.tenant,
      oid: caller.objectId,
      ...(isUser
        ? { unique_name: caller.login, upn: caller.login, scp: 'user_impersonation' }
        : { appid: caller.login }),
      idtyp: isUser ? 'user' : 'app',
      ver: '1.0',
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: KEY_ID })
      .setIssuer(this.#issuer)
      .setSubject(caller.objectId)
      .setAudience(audience)
      .setIssuedAt()
      .setNotBefore('-1 minute')
      .setExpirationTime(`${TOKEN_SECONDS} seconds`)
      .sign(this.#privateKey);
    if (audience === DATA_AUDIENCE) {
      await this.onDataToken?.(caller.objectId, token, Date.now() + TOKEN_SECONDS * 1000);
    }
    return token;
  }

  /** What tells a program who has signed in. It opens nothing. */
  async issueIdToken(
    user: Caller,
    { clientId, issuer }: { readonly clientId: string; readonly issuer: string },
  ): Promise<string> {
    const { objectId, login } = user;
    return await new SignJWT({
      ...{ tid: this.tenant, oid: objectId, ver: '1.0' },
      ...{ name: login, preferred_username: login, upn: login, unique_name: login },
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: KEY_ID })
      .setIssuer(issuer)
      .setSubject(objectId)
      .setAudience(clientId)
      .setIssuedAt()
      .setNotBefore('-1 minute')
      .setExpirationTime(`${TOKEN_SECONDS} seconds`)
      .sign(this.#privateKey);
  }

  /** Who speaks. Throws ArmError: 401, or 403 for somebody whom nobody knows here. */
  async verify(authorization: string | undefined): Promise<Caller> {
    const [, token] = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) {
      throw new ArmError(
        401,
        'AuthenticationFailed',
        "Authentication failed. The 'Authorization' header is missing, or holds no bearer token.",
      );
    }
    const elsewhere = await this.verifyElsewhere(token);
    if (elsewhere !== null) return elsewhere;
    try {
      const { payload } = await jwtVerify(token, this.#publicKey, {
        algorithms: [ALGORITHM],
        issuer: this.#issuer,
        requiredClaims: ['exp', 'aud', 'oid'],
      });
      const audiences = [payload.aud ?? []].flat().map(bare);
      if (payload.tid !== this.tenant) throw invalid('its tenant is another one');
      if (!audiences.some((one) => this.#audiences.has(one))) {
        throw invalid('it is for another audience');
      }
      const login = payload.appid ?? payload.unique_name;
      return { objectId: String(payload.oid), login: String(login ?? payload.oid) };
    } catch (error) {
      if (error instanceof ArmError) throw error;
      const isExpired =
        error instanceof Error && 'code' in error && error.code === 'ERR_JWT_EXPIRED';
      if (isExpired) {
        throw new ArmError(401, 'ExpiredAuthenticationToken', 'The access token has expired.');
      }
      throw invalid('it is not one of this server');
    }
  }

  /** Whom a token of another issuer speaks for; null: it is not of one that is trusted. Throws ArmError. */
  async verifyElsewhere(token: string): Promise<Caller | null> {
    return await this.#issuers.verify(this.#db, token);
  }

  async publicKeys(): Promise<{ keys: JWK[] }> {
    const key = await exportJWK(this.#publicKey);
    return { keys: [{ ...key, kid: KEY_ID, use: 'sig', alg: ALGORITHM }] };
  }

  get #issuer(): string {
    return `https://sts.atoll/${this.tenant}/`;
  }
}

function bare(audience: string): string {
  return audience.toLowerCase().replace(/\/+$/, '');
}

function invalid(why: string): ArmError {
  return new ArmError(401, 'InvalidAuthenticationToken', `The access token is invalid: ${why}.`);
}
