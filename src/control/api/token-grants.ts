// What a token is given for (OAuth 2.0): the secret of a service principal, a code that a user has entered on
// another device, or a refresh token. Refusals are those of the RFCs; none tells whether a name exists.

import { z } from 'zod';
import type { Attempts } from '../identity/attempts.ts';
import type { DeviceCodes } from '../identity/device-codes.ts';
import { signIn } from '../identity/principals.ts';
import { newRefreshToken, useRefreshToken } from '../identity/refresh-tokens.ts';
import { type Caller, TOKEN_SECONDS, type Tokens } from '../identity/tokens.ts';
import { ArmError } from '../model/arm-error.ts';
import { isStorable } from '../model/text-safety.ts';
import type { Store } from '../store/store.ts';

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface GrantParts {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly codes: DeviceCodes;
  /** Secrets, by address and client: one that is set up wrongly keeps no other one out. */
  readonly secrets: Attempts;
}

export interface GrantRequest {
  readonly form: unknown;
  /** The header, in which older clients have their secret. */
  readonly authorization: string | undefined;
  readonly address: string;
  /** Of the authority that was asked, as its configuration names it. */
  readonly issuer: string;
}

/** As OAuth says it; clients look for `error` at the top. */
export class OAuthRefusal extends Error {
  readonly status: number;
  readonly error: string;

  constructor(status: number, error: string, why: string) {
    super(why);
    this.status = status;
    this.error = error;
  }
}

const CLIENT_ID_MAX = 200;
const text = (max: number) => z.string().max(max).refine(isStorable);

const shape = z.object({
  grant_type: text(100),
  client_id: z.string().max(CLIENT_ID_MAX).optional(),
  client_secret: z.string().max(500).optional(),
  client_assertion_type: text(100).optional(),
  client_assertion: text(10_000).optional(),
  scope: text(500).optional(),
  /** Of the older form of a request. */
  resource: text(500).optional(),
  device_code: text(200).optional(),
  /** The older name of device_code. */
  code: text(200).optional(),
  refresh_token: text(200).optional(),
  client_info: text(10).optional(),
});
type Form = z.infer<typeof shape>;

/** The answer with a token. Throws OAuthRefusal. */
export async function grantToken(parts: GrantParts, request: GrantRequest): Promise<object> {
  const parsed = shape.safeParse(request.form);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') || 'the form';
    throw new OAuthRefusal(400, 'invalid_request', `${field} is missing or not as it should be.`);
  }
  const form = parsed.data;
  switch (form.grant_type) {
    case 'client_credentials':
      return await forSecret(parts, request, form);
    case DEVICE_CODE_GRANT:
    case 'device_code':
      return await forDeviceCode(parts, request, form);
    case 'refresh_token':
      return await forRefreshToken(parts, request, form);
    default:
      throw new OAuthRefusal(
        400,
        'unsupported_grant_type',
        'Only client_credentials, device_code and refresh_token are supported.',
      );
  }
}

/** The audience that a form asks for. Throws OAuthRefusal. */
export function audienceFrom(tokens: Tokens, { scope, resource }: Partial<Form>): string {
  const audience = tokens.audienceOf(scope ?? '') ?? tokens.audienceOf(resource ?? '');
  if (audience !== null) return audience;
  throw new OAuthRefusal(400, 'invalid_scope', 'The scope names no address of this server.');
}

async function forSecret(parts: GrantParts, request: GrantRequest, form: Form): Promise<object> {
  const { store, tokens, secrets } = parts;
  if (form.client_assertion !== undefined) return await forAssertion(parts, form);
  const { clientId, clientSecret } = credentialsOf(request.authorization, form);
  const attempt = `${request.address} ${clientId.slice(0, CLIENT_ID_MAX).toLowerCase()}`;
  if (!secrets.take(attempt)) {
    throw new OAuthRefusal(429, 'temporarily_unavailable', 'Too many attempts. Try again later.');
  }
  const isText = isStorable(clientId) && isStorable(clientSecret);
  const caller =
    isText && clientSecret !== ''
      ? await signIn(store.db, 'ServicePrincipal', clientId, clientSecret)
      : null;
  if (caller === null) {
    throw new OAuthRefusal(401, 'invalid_client', 'The client id or its secret is wrong.');
  }
  secrets.giveBack(attempt);
  const audience = audienceFrom(tokens, form);
  return answer(await tokens.issue(caller, audience, 'ServicePrincipal'));
}

/** A token of another issuer in place of a secret (RFC 7523): workload identity federation. */
async function forAssertion({ tokens }: GrantParts, form: Form): Promise<object> {
  const refused = (why: string) => new OAuthRefusal(401, 'invalid_client', why);
  if (form.client_assertion_type !== ASSERTION_TYPE) {
    throw new OAuthRefusal(400, 'invalid_request', `client_assertion_type is ${ASSERTION_TYPE}.`);
  }
  let caller: Caller | null = null;
  try {
    caller = await tokens.verifyElsewhere(form.client_assertion ?? '');
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    if (error.status === 503) throw new OAuthRefusal(503, 'temporarily_unavailable', error.message);
    throw refused(error.message);
  }
  if (caller === null) throw refused('The assertion is of no issuer that is trusted here.');
  if (caller.objectId !== form.client_id?.toLowerCase()) {
    throw refused('client_id is not the object id of the principal that the assertion names.');
  }
  const audience = audienceFrom(tokens, form);
  return answer(await tokens.issue(caller, audience, 'ServicePrincipal'));
}

async function forDeviceCode(
  parts: GrantParts,
  request: GrantRequest,
  form: Form,
): Promise<object> {
  const redeemed = parts.codes.redeem(form.device_code ?? form.code ?? '', form.client_id ?? '');
  switch (redeemed.state) {
    case 'pending':
      throw new OAuthRefusal(400, 'authorization_pending', 'Nobody has entered the code yet.');
    case 'tooFast':
      throw new OAuthRefusal(400, 'slow_down', 'Ask less often.');
    case 'over':
      throw new OAuthRefusal(400, 'expired_token', 'There is no such code, or its time is over.');
    case 'done':
      return await answerForUser(parts, request, { form, ...redeemed });
  }
}

async function forRefreshToken(
  parts: GrantParts,
  request: GrantRequest,
  form: Form,
): Promise<object> {
  const { store, tokens } = parts;
  const clientId = form.client_id ?? '';
  const user = isStorable(clientId)
    ? await useRefreshToken(store.db, form.refresh_token ?? '', clientId)
    : null;
  if (user === null) {
    throw new OAuthRefusal(400, 'invalid_grant', 'The refresh token is not valid any more.');
  }
  return await answerForUser(parts, request, { form, user, audience: audienceFrom(tokens, form) });
}

async function answerForUser(
  { store, tokens }: GrantParts,
  { issuer }: GrantRequest,
  { form, user, audience }: { form: Form; user: Caller; audience: string },
): Promise<object> {
  const clientId = form.client_id ?? '';
  const info = { uid: user.objectId, utid: tokens.tenant };
  return {
    ...answer(await tokens.issue(user, audience, 'User')),
    scope: `${audience}/.default`,
    refresh_token: await newRefreshToken(store.db, user, clientId),
    id_token: await tokens.issueIdToken(user, { clientId, issuer }),
    ...(form.client_info === undefined
      ? {}
      : { client_info: Buffer.from(JSON.stringify(info)).toString('base64url') }),
  };
}

function answer(access_token: string) {
  const seconds = { expires_in: TOKEN_SECONDS, ext_expires_in: TOKEN_SECONDS };
  return { token_type: 'Bearer', ...seconds, access_token };
}

/** In the form, or as the older HTTP Basic. */
function credentialsOf(authorization: string | undefined, form: Form) {
  const [, basic] = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '') ?? [];
  if (basic === undefined) {
    return { clientId: form.client_id ?? '', clientSecret: form.client_secret ?? '' };
  }
  const pair = Buffer.from(basic, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return { clientId: pair.slice(0, colon), clientSecret: pair.slice(colon + 1) };
}
