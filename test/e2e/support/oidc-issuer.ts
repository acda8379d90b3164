// An OpenID Connect issuer for tests: its configuration and keys over HTTP, and tokens that it signs.

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export interface OidcIssuer {
  readonly url: string;
  /** Requests that it has had. */
  readonly asked: string[];
  sign(claims: JWTPayload, changes?: { expires?: string; issuer?: string }): Promise<string>;
  /** New keys: tokens of the old ones are not good any more. */
  renewKeys(): Promise<void>;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<OidcIssuer> {
  const asked: string[] = [];
  let kid = '';
  let keys = await generateKeyPair('ES256');
  let published: object = {};
  const renewKeys = async () => {
    kid = randomUUID();
    keys = await generateKeyPair('ES256');
    published = { keys: [{ ...(await exportJWK(keys.publicKey)), kid, alg: 'ES256', use: 'sig' }] };
  };
  await renewKeys();
  const server = http.createServer((request, response) => {
    asked.push(request.url ?? '');
    const isConfiguration = request.url === '/.well-known/openid-configuration';
    const body = isConfiguration ? { issuer: url, jwks_uri: `${url}/keys` } : published;
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    renewKeys,
    sign: async (claims, { expires = '5 minutes', issuer = url } = {}) =>
      await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuer(issuer)
        .setIssuedAt()
        .setExpirationTime(expires)
        .sign(keys.privateKey),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
