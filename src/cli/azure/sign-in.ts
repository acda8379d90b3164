// Signing in and staying so (OAuth 2.0): a service principal with its secret, a user with a code that is typed into
// a browser elsewhere (device flow). Tokens are renewed a while before they expire, and kept for the next command.

import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../../base/errors.ts';
import { type Account, type Login, readAccount, writeAccount } from './account-file.ts';
import { ArmFailure, failureOf } from './failure.ts';
import { at, type Json, textAt } from './json.ts';
import { type Place, send } from './transport.ts';

/** By which published command lines are known to every authority of this kind. */
const PUBLIC_CLIENT = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const RENEW_BEFORE_MS = 300_000;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const DEVICE_SECONDS = 900;
const DEVICE_INTERVAL_SECONDS = 5;

export interface Authority extends Place {
  readonly tenant: string;
}

export interface Tokens {
  readonly token: NonNullable<Account['token']>;
  readonly login: Login;
}

export async function signInPrincipal(
  authority: Authority,
  clientId: string,
  clientSecret: string,
): Promise<Tokens> {
  const answer = await tokenRequest(authority, {
    ...{ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
    scope: `${authority.url}/.default`,
  });
  return { token: tokenIn(answer), login: { kind: 'servicePrincipal', clientId, clientSecret } };
}

/** `tell` is what the user has to do; it is done somewhere else, and takes as long as it takes. */
export async function signInUser(
  authority: Authority,
  tell: (message: string) => void,
): Promise<Tokens> {
  const scope = `${authority.url}/.default offline_access openid profile`;
  const { status, body } = await post(authority, 'devicecode', { client_id: PUBLIC_CLIENT, scope });
  if (status !== 200) throw failureOf(status, body);
  const device = { code: textAt(body, 'device_code'), seconds: numberAt(body, 'interval') };
  const uri = textAt(body, 'verification_uri') || textAt(body, 'verification_url');
  const written = `To sign in, open ${uri} and enter the code ${textAt(body, 'user_code')}.`;
  tell(textAt(body, 'message') || written);
  const withinMs = 1_000 * (numberAt(body, 'expires_in') || DEVICE_SECONDS);
  const deadlineMs = performance.now() + withinMs;
  let waitSeconds = device.seconds || DEVICE_INTERVAL_SECONDS;
  while (performance.now() < deadlineMs) {
    await delay(1_000 * waitSeconds);
    const reply = await post(authority, 'token', {
      ...{ grant_type: DEVICE_GRANT, client_id: PUBLIC_CLIENT, device_code: device.code },
    });
    if (reply.status === 200) return userTokens(reply.body);
    const error = textAt(reply.body, 'error');
    if (error === 'slow_down') waitSeconds += DEVICE_INTERVAL_SECONDS;
    else if (error !== 'authorization_pending') throw failureOf(reply.status, reply.body);
  }
  throw new OperatorError('CODE_EXPIRED', 'the code was not entered in time', 'Log in again.');
}

/** The token of a login, renewed and kept when it is about to expire or `isRefused`. */
export async function tokenOf(account: Account, isRefused = false): Promise<string> {
  const { token, login } = account;
  if (!isRefused && token !== null && token.expiresMs - RENEW_BEFORE_MS > Date.now()) {
    return token.text;
  }
  if (login.kind === 'servicePrincipal') {
    return kept(account, await signInPrincipal(account, login.clientId, login.clientSecret));
  }
  try {
    return kept(account, await refreshed(account, login.refreshToken));
  } catch (error) {
    if (!(error instanceof ArmFailure) || error.code !== 'invalid_grant') throw error;
    // A refresh token is good for one use, and another command may have been there first.
    const newer = readAccount().token;
    if (newer === null || newer.text === token?.text) throw expired();
    account.token = newer;
    return newer.text;
  }
}

function kept(account: Account, renewed: Tokens): string {
  Object.assign(account, renewed);
  writeAccount(account);
  return renewed.token.text;
}

function expired(): OperatorError {
  return new OperatorError('LOGIN_EXPIRED', 'the login has expired', 'Run `atoll login` again.');
}

async function refreshed(authority: Authority, refreshToken: string | null): Promise<Tokens> {
  if (refreshToken === null) throw expired();
  const answer = await tokenRequest(authority, {
    ...{ grant_type: 'refresh_token', client_id: PUBLIC_CLIENT, refresh_token: refreshToken },
    scope: `${authority.url}/.default offline_access`,
  });
  return userTokens(answer, refreshToken);
}

function userTokens(body: Json | undefined, earlier: string | null = null): Tokens {
  const refreshToken = textAt(body, 'refresh_token') || earlier;
  const token = tokenIn(body);
  return { token, login: { kind: 'user', refreshToken, name: userName(token.text) } };
}

async function tokenRequest(
  authority: Authority,
  form: Readonly<Record<string, string>>,
): Promise<Json | undefined> {
  const { status, body } = await post(authority, 'token', form);
  if (status === 200) return body;
  throw failureOf(status, body);
}

async function post(
  authority: Authority,
  what: 'token' | 'devicecode',
  form: Readonly<Record<string, string>>,
) {
  return await send(authority, {
    method: 'POST',
    path: `/${encodeURIComponent(authority.tenant)}/oauth2/v2.0/${what}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  });
}

function tokenIn(body: Json | undefined): NonNullable<Account['token']> {
  const text = textAt(body, 'access_token');
  if (text === '') throw failureOf(502, { error: { message: 'The answer holds no token.' } });
  return { text, expiresMs: Date.now() + 1_000 * numberAt(body, 'expires_in') };
}

function numberAt(body: Json | undefined, name: string): number {
  const number = Number(at(body, name) ?? 0);
  return Number.isFinite(number) ? number : 0;
}

/** As the token calls its user; who may do what is for the control plane to say. */
function userName(token: string): string {
  try {
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8');
    const claims: Json = JSON.parse(payload);
    return textAt(claims, 'preferred_username') || textAt(claims, 'upn') || textAt(claims, 'sub');
  } catch {
    return '';
  }
}
