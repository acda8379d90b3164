// What a login leaves behind: where the control plane is, how to ask for tokens there, and the last token. One file
// that only its owner may read, replaced as a whole.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../../base/errors.ts';

const subscription = z.object({
  id: z.string().min(1),
  name: z.string(),
  tenantId: z.string(),
  state: z.string(),
});

const login = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('servicePrincipal'),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
  }),
  z.strictObject({
    kind: z.literal('user'),
    /** null: when the token has expired, the user has to sign in again. */
    refreshToken: z.string().min(1).nullable(),
    name: z.string(),
  }),
]);

const account = z.strictObject({
  version: z.literal(1),
  url: z.url(),
  /** PEM, so that it is found from every folder. */
  ca: z.string().nullable(),
  tenant: z.string().min(1),
  login,
  token: z.strictObject({ text: z.string().min(1), expiresMs: z.number() }).nullable(),
  subscriptions: z.array(subscription),
  /** Id of the one that commands are about. */
  subscription: z.string().nullable(),
});

export type Account = z.infer<typeof account>;
export type Login = z.infer<typeof login>;
export type Subscription = z.infer<typeof subscription>;

export function configDir(): string {
  return process.env.ATOLL_CONFIG_DIR ?? join(homedir(), '.atoll');
}

export function accountFile(): string {
  return join(configDir(), 'account.json');
}

/** Throws OperatorError when nobody is logged in. */
export function readAccount(): Account {
  let text = '';
  try {
    text = readFileSync(accountFile(), 'utf8');
  } catch {
    throw new OperatorError(
      'NOT_LOGGED_IN',
      'nobody is logged in',
      'Log in with `atoll login --url U --ca FILE --service-principal -u ID -p SECRET`.',
    );
  }
  const parsed = account.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new OperatorError(
    'ACCOUNT_FILE_INVALID',
    `${accountFile()} is not a login of this version of atoll`,
    'Log in again with `atoll login`.',
  );
}

export function writeAccount(value: Account): void {
  mkdirSync(configDir(), { recursive: true, mode: 0o700 });
  const fresh = `${accountFile()}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(fresh, accountFile());
}

/** Whether there was one. */
export function removeAccount(): boolean {
  try {
    rmSync(accountFile());
    return true;
  } catch {
    return false;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
