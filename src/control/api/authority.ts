// Where clients sign in (OAuth 2.0), in the two styles that published clients know: /{tenant}/oauth2/v2.0/... and
// /adfs/oauth2/... None of this needs a token; nothing of it tells whether a name exists.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Attempts } from '../identity/attempts.ts';
import { DeviceCodes } from '../identity/device-codes.ts';
import type { Tokens } from '../identity/tokens.ts';
import type { Store } from '../store/store.ts';
import { addSignInPage, beginDeviceSignIn, type PageParts } from './device-sign-in.ts';
import { DEVICE_CODE_GRANT, grantToken, OAuthRefusal } from './token-grants.ts';

export interface AuthorityParts {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly baseOf: (request: FastifyRequest) => string;
}

const QUARTER_HOUR_MS = 900_000;
/** Failures within a quarter of an hour: of one address (and program), and with one name of a user. */
const OF_ADDRESS_MAX = 100;
const OF_NAME_MAX = 10;

type Tenant = { Params: { tenant: string } };

export function addAuthority(server: FastifyInstance, { store, tokens, baseOf }: AuthorityParts) {
  const parts: PageParts = {
    ...{ store, tokens },
    codes: new DeviceCodes(),
    secrets: new Attempts({ most: OF_ADDRESS_MAX, windowMs: QUARTER_HOUR_MS }),
    forms: new Attempts({ most: OF_ADDRESS_MAX, windowMs: QUARTER_HOUR_MS }),
    passwords: new Attempts({ most: OF_NAME_MAX, windowMs: QUARTER_HOUR_MS }),
  };
  const configuration = (request: FastifyRequest, authority: string) =>
    configurationOf(`${baseOf(request)}${authority}`, authority === '/adfs' ? '' : '/v2.0');
  const token = (request: FastifyRequest, reply: FastifyReply, authority: string) =>
    oauth(reply, () => {
      const { authorization } = request.headers;
      const issuer = `${baseOf(request)}${authority}`;
      return grantToken(parts, { form: request.body, authorization, address: request.ip, issuer });
    });
  const code = (request: FastifyRequest, reply: FastifyReply) =>
    oauth(reply, () => {
      const asked = { form: request.body, address: request.ip, base: baseOf(request) };
      return beginDeviceSignIn(parts, asked);
    });

  for (const authority of ['/adfs', '/adfs/adfs']) {
    server.get(`${authority}/.well-known/openid-configuration`, (request) =>
      configuration(request, '/adfs'),
    );
    server.post(`${authority}/oauth2/token`, (request, reply) => token(request, reply, '/adfs'));
    server.post(`${authority}/oauth2/devicecode`, code);
    server.get(`${authority}/discovery/keys`, () => tokens.publicKeys());
  }
  const inTenant = (
    { params }: { readonly params: { readonly tenant: string } },
    reply: FastifyReply,
    then: (authority: string) => unknown,
  ): unknown => {
    const isTenant = [tokens.tenant, 'common', 'organizations'].includes(
      params.tenant.toLowerCase(),
    );
    if (isTenant) return then(`/${params.tenant}`);
    return refused(reply, new OAuthRefusal(400, 'invalid_tenant', 'There is no such tenant.'));
  };
  for (const version of ['', '/v2.0']) {
    server.get<Tenant>(`/:tenant${version}/.well-known/openid-configuration`, (request, reply) =>
      inTenant(request, reply, (authority) => configuration(request, authority)),
    );
    server.post<Tenant>(`/:tenant/oauth2${version}/token`, (request, reply) =>
      inTenant(request, reply, (authority) => token(request, reply, authority)),
    );
    server.post<Tenant>(`/:tenant/oauth2${version}/devicecode`, (request, reply) =>
      inTenant(request, reply, () => code(request, reply)),
    );
  }
  server.get<Tenant>('/:tenant/discovery/keys', () => tokens.publicKeys());
  server.get('/metadata/endpoints', (request) => {
    const base = baseOf(request);
    return {
      galleryEndpoint: base,
      graphEndpoint: base,
      portalEndpoint: base,
      authentication: { loginEndpoint: `${base}/adfs`, audiences: [base] },
    };
  });
  addSignInPage(server, parts);
}

/** `version`: as paths of endpoints have it. */
function configurationOf(authority: string, version: string): object {
  return {
    issuer: authority,
    authorization_endpoint: `${authority}/oauth2${version}/authorize`,
    token_endpoint: `${authority}/oauth2${version}/token`,
    device_authorization_endpoint: `${authority}/oauth2${version}/devicecode`,
    jwks_uri: `${authority}/discovery/keys`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    grant_types_supported: ['client_credentials', DEVICE_CODE_GRANT, 'refresh_token'],
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    tenant_region_scope: null,
  };
}

async function oauth(reply: FastifyReply, work: () => object | Promise<object>): Promise<object> {
  try {
    const answer = await work();
    void reply.header('cache-control', 'no-store');
    return answer;
  } catch (error) {
    if (error instanceof OAuthRefusal) return refused(reply, error);
    throw error;
  }
}

function refused(reply: FastifyReply, { status, error, message }: OAuthRefusal): object {
  void reply.code(status).header('cache-control', 'no-store');
  return { error, error_description: message };
}
