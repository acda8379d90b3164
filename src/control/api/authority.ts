// Where clients sign in (OAuth 2.0, client credentials), in the two styles that published clients know:
// /{tenant}/oauth2/v2.0/token and /adfs/oauth2/token. None of this needs a token; nothing of it tells whether a
// client id exists.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { signIn } from '../identity/principals.ts';
import { TOKEN_SECONDS, type Tokens } from '../identity/tokens.ts';
import { isStorable } from '../model/text-safety.ts';
import type { Store } from '../store/store.ts';

export interface AuthorityParts {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly baseOf: (request: FastifyRequest) => string;
}

const form = z.object({
  grant_type: z.string(),
  client_id: z.string().max(200).optional(),
  client_secret: z.string().max(500).optional(),
  scope: z.string().max(500).optional(),
  /** Of the older form of a request. */
  resource: z.string().max(500).optional(),
});

export function addAuthority(server: FastifyInstance, parts: AuthorityParts): void {
  const { tokens, baseOf } = parts;
  const configuration = (request: FastifyRequest, authority: string) => ({
    issuer: `${baseOf(request)}${authority}`,
    authorization_endpoint: `${baseOf(request)}${authority}/oauth2/authorize`,
    token_endpoint: `${baseOf(request)}${authority}${tokenPath(authority)}`,
    device_authorization_endpoint: `${baseOf(request)}${authority}/oauth2/devicecode`,
    jwks_uri: `${baseOf(request)}${authority}/discovery/keys`,
    token_endpoint_auth_methods_supported: ['client_secret_post'],
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    tenant_region_scope: null,
  });
  const isTenant = (name: string): boolean =>
    [tokens.tenant, 'common', 'organizations'].includes(name.toLowerCase());

  for (const authority of ['/adfs', '/adfs/adfs']) {
    server.get(`${authority}/.well-known/openid-configuration`, (request) =>
      configuration(request, '/adfs'),
    );
    server.post(`${authority}/oauth2/token`, (request, reply) => issue(parts, request, reply));
    server.get(`${authority}/discovery/keys`, () => tokens.publicKeys());
  }
  type Tenant = { Params: { tenant: string } };
  for (const version of ['', '/v2.0']) {
    server.get<Tenant>(`/:tenant${version}/.well-known/openid-configuration`, (request, reply) => {
      const { tenant } = request.params;
      return isTenant(tenant)
        ? configuration(request, `/${tenant}`)
        : refused(reply, 400, 'invalid_tenant', 'There is no such tenant.');
    });
    server.post<Tenant>(`/:tenant/oauth2${version}/token`, (request, reply) =>
      isTenant(request.params.tenant)
        ? issue(parts, request, reply)
        : refused(reply, 400, 'invalid_tenant', 'There is no such tenant.'),
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
}

function tokenPath(authority: string): string {
  return authority === '/adfs' ? '/oauth2/token' : '/oauth2/v2.0/token';
}

async function issue(
  { store, tokens }: AuthorityParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const parsed = form.safeParse(request.body);
  if (!parsed.success) return refused(reply, 400, 'invalid_request', 'grant_type is missing.');
  const wanted = parsed.data;
  if (wanted.grant_type !== 'client_credentials') {
    return refused(reply, 400, 'unsupported_grant_type', 'Only client_credentials is supported.');
  }
  const { clientId, clientSecret } = credentialsOf(request, wanted);
  const isText = isStorable(clientId) && isStorable(clientSecret);
  const caller =
    isText && clientSecret !== ''
      ? await signIn(store.db, 'ServicePrincipal', clientId, clientSecret)
      : null;
  if (caller === null) {
    return refused(reply, 401, 'invalid_client', 'The client id or its secret is wrong.');
  }
  const audience = tokens.audienceOf(wanted.scope ?? wanted.resource ?? '');
  if (audience === null) {
    return refused(reply, 400, 'invalid_scope', 'The scope names no address of this server.');
  }
  void reply.header('cache-control', 'no-store');
  return {
    token_type: 'Bearer',
    expires_in: TOKEN_SECONDS,
    ext_expires_in: TOKEN_SECONDS,
    access_token: await tokens.issue(caller, audience, 'ServicePrincipal'),
  };
}

/** In the form, or as the older HTTP Basic. */
function credentialsOf(request: FastifyRequest, wanted: z.infer<typeof form>) {
  const [, basic] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (basic === undefined) {
    return { clientId: wanted.client_id ?? '', clientSecret: wanted.client_secret ?? '' };
  }
  const text = Buffer.from(basic, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return { clientId: text.slice(0, colon), clientSecret: text.slice(colon + 1) };
}

/** As OAuth says it; clients look for `error` at the top. */
function refused(reply: FastifyReply, status: number, error: string, why: string) {
  void reply.code(status).header('cache-control', 'no-store');
  return { error, error_description: why };
}
