// Sign-in on another device: where programs ask for codes, and the page on which users enter them. Attempts are
// bounded by name and by address; neither a wrong name nor a wrong password is told from the other.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Attempts } from '../identity/attempts.ts';
import { CODE_SECONDS, type DeviceCodes, POLL_SECONDS } from '../identity/device-codes.ts';
import { signIn } from '../identity/principals.ts';
import { isStorable } from '../model/text-safety.ts';
import { PAGE_HEADERS, signedInPage, signInPage } from './sign-in-page.ts';
import { audienceFrom, type GrantParts, OAuthRefusal } from './token-grants.ts';

const text = (max: number) => z.string().max(max).refine(isStorable);

const codeForm = z.object({
  client_id: text(200).min(1),
  scope: text(500).optional(),
  resource: text(500).optional(),
});

/** A code for a program. Throws OAuthRefusal. */
export function beginDeviceSignIn(
  { codes, tokens }: GrantParts,
  { form, address, base }: { form: unknown; address: string; base: string },
): object {
  const parsed = codeForm.safeParse(form);
  if (!parsed.success) {
    throw new OAuthRefusal(400, 'invalid_request', 'client_id is missing or not as it should be.');
  }
  const audience = audienceFrom(tokens, parsed.data);
  const begun = codes.begin({ clientId: parsed.data.client_id, audience, address });
  if (begun === null) {
    throw new OAuthRefusal(429, 'temporarily_unavailable', 'Too many sign-ins are under way.');
  }
  const page = `${base}/devicelogin`;
  return {
    device_code: begun.deviceCode,
    user_code: begun.userCode,
    verification_uri: page,
    verification_url: page,
    expires_in: CODE_SECONDS,
    interval: POLL_SECONDS,
    message: `To sign in, open the page ${page} and enter the code ${begun.userCode}.`,
  };
}

export interface PageParts extends GrantParts {
  /** Forms, by address. */
  readonly forms: Attempts;
  /** Passwords, by name. */
  readonly passwords: Attempts;
  readonly codes: DeviceCodes;
}

const pageForm = z.object({
  user_code: text(50).default(''),
  name: text(200).default(''),
  password: text(500).default(''),
});

export function addSignInPage(server: FastifyInstance, parts: PageParts): void {
  server.get('/devicelogin', (_, reply) => html(reply, 200, signInPage({})));
  server.post('/devicelogin', (request, reply) => enter(parts, request, reply));
}

async function enter(
  parts: PageParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const parsed = pageForm.safeParse(request.body);
  if (!parsed.success) {
    return html(reply, 400, signInPage({ trouble: 'The form is not as it should be.' }));
  }
  const { user_code: userCode, name, password } = parsed.data;
  const again = (status: number, trouble: string): FastifyReply =>
    html(reply, status, signInPage({ userCode, name, trouble }));
  const { forms, passwords, codes, store } = parts;
  const login = name.trim().toLowerCase();
  if (!forms.take(request.ip)) return again(429, TOO_MANY);
  const asked = codes.find(userCode);
  if (asked === null) {
    return again(400, 'There is no such code, or its time is over. Let the program show another.');
  }
  if (!passwords.take(login)) return again(429, TOO_MANY);
  const user = password === '' ? null : await signIn(store.db, 'User', login, password);
  if (user === null) return again(401, 'The name or the password is wrong.');
  forms.giveBack(request.ip);
  passwords.giveBack(login);
  if (!codes.enter(userCode, user)) return again(400, 'The time of the code is over.');
  return html(reply, 200, signedInPage(user.login, asked.clientId));
}

const TOO_MANY = 'Too many forms. Try again in a quarter of an hour.';

function html(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply.code(status).headers(PAGE_HEADERS).send(page);
}
