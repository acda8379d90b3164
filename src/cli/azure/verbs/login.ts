// `atoll login`, `atoll logout`, `atoll account`: who uses which control plane.

import { Command, Option } from 'commander';
import { OperatorError } from '../../../base/errors.ts';
import type { Account, Subscription } from '../account-file.ts';
import type { Json } from '../json.ts';
import { commonOptions, option } from '../options.ts';
import type { Tokens } from '../sign-in.ts';
import { failing, print, verbs } from '../verb.ts';

interface Output {
  readonly output: 'json';
  readonly query?: string;
  readonly subscription?: string;
}

interface LoginOptions extends Output {
  readonly url: string;
  readonly ca?: string;
  readonly tenant: string;
  readonly servicePrincipal?: boolean;
  readonly username?: string;
  readonly password?: string;
}

export function loginCommand(): Command {
  const command = new Command('login')
    .description('sign in to a control plane: with a code in a browser, or as a service principal')
    .option('--service-principal', 'with a client id (-u) and its secret (-p)')
    .option('-u, --username <id>', 'client id of the service principal')
    .option('-p, --password <secret>', 'its secret; default: the first line of standard input')
    .option('-t, --tenant <id>', 'tenant, as `atoll control` prints it', 'common');
  const url = option('--url <url>', 'address of the control plane', { spellings: ['--control'] });
  url[0]?.default('https://localhost:8443');
  const ca = new Option('--ca <file>', 'PEM of the CA that signed its certificate');
  for (const one of [...url, ca, ...outputOptions()]) command.addOption(one);
  return command.action((options: LoginOptions) => failing(() => login(options)));
}

export function logoutCommand(): Command {
  return new Command('logout').description('forget the login').action(async () => {
    const { removeAccount } = await import('../account-file.ts');
    removeAccount();
  });
}

export function accountCommand(): Command {
  const show = new Command('show').description(
    'who is logged in, where, and in which subscription',
  );
  const list = new Command('list').description('subscriptions of the login');
  const set = new Command('set').description('choose the subscription that commands are about');
  for (const one of outputOptions()) show.addOption(one);
  for (const one of outputOptions()) list.addOption(one);
  show.action((options: Output) => failing(() => showAccount(options)));
  list.action((options: Output) => failing(() => listAccounts(options)));
  set.requiredOption('-s, --subscription <id>', 'id or name');
  set.action((options: { subscription: string }) => setSubscription(options.subscription));
  return verbs('account', 'the login, and its subscriptions', [show, list, set]);
}

function outputOptions(): Option[] {
  return commonOptions().filter(({ long }) => long === '--output' || long === '--query');
}

async function login(options: LoginOptions): Promise<void> {
  const { writeAccount } = await import('../account-file.ts');
  const { readFile } = await import('node:fs/promises');
  const ca = options.ca === undefined ? null : await readFile(options.ca, 'utf8');
  const authority = { url: originOf(options.url), ca, tenant: options.tenant };
  const tokens = await signIn(authority, options);
  const account: Account = {
    ...{ version: 1, ...authority, ...tokens, subscriptions: [], subscription: null },
  };
  const subscriptions = await subscriptionsOf(account);
  const chosen: Account = {
    ...account,
    subscriptions,
    subscription: subscriptions[0]?.id ?? null,
    tenant: options.tenant === 'common' ? (subscriptions[0]?.tenantId ?? 'common') : options.tenant,
  };
  writeAccount(chosen);
  await print(
    subscriptions.map((one) => accountView(chosen, one)),
    options,
  );
}

async function signIn(
  authority: { url: string; ca: string | null; tenant: string },
  { servicePrincipal, username, password }: LoginOptions,
): Promise<Tokens> {
  const { signInPrincipal, signInUser } = await import('../sign-in.ts');
  if (servicePrincipal === true) {
    if (username === undefined) throw needs('a client id', '--username/-u');
    return await signInPrincipal(authority, username, password ?? (await secretFromInput()));
  }
  if (username !== undefined || password !== undefined) {
    throw needs('to know whose they are', '--service-principal; users sign in with a code');
  }
  return await signInUser(authority, (message) => process.stderr.write(`${message}\n`));
}

function needs(what: string, flags: string): OperatorError {
  return new OperatorError('LOGIN_INCOMPLETE', `login needs ${what}`, `Give ${flags}.`);
}

/** So that it need not stand in the list of processes. */
async function secretFromInput(): Promise<string> {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: process.stdin });
  if (process.stdin.isTTY) process.stderr.write('Secret: ');
  for await (const line of lines) {
    if (line !== '') return line;
  }
  throw needs('a secret', '--password/-p');
}

function originOf(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return new URL(text).origin;
  const message = `${text} is no address of a control plane`;
  throw new OperatorError('URL_INVALID', message, 'Give one as in https://localhost:8443.');
}

async function subscriptionsOf(account: Account): Promise<Subscription[]> {
  const { ArmClient } = await import('../client.ts');
  const { textAt } = await import('../json.ts');
  const found = await new ArmClient({ account }).list('/subscriptions', '2019-11-01');
  return found.map((one) => ({
    id: textAt(one, 'subscriptionId'),
    name: textAt(one, 'displayName'),
    tenantId: textAt(one, 'tenantId'),
    state: textAt(one, 'state'),
  }));
}

async function showAccount(options: Output): Promise<void> {
  const { readAccount } = await import('../account-file.ts');
  const account = readAccount();
  const found = account.subscriptions.find(({ id }) => id === account.subscription);
  const none = { id: '', name: '', tenantId: account.tenant, state: 'Disabled' };
  await print(accountView(account, found ?? none), options);
}

async function listAccounts(options: Output): Promise<void> {
  const { readAccount } = await import('../account-file.ts');
  const account = readAccount();
  await print(
    account.subscriptions.map((one) => accountView(account, one)),
    options,
  );
}

async function setSubscription(wanted: string): Promise<void> {
  const { readAccount, writeAccount } = await import('../account-file.ts');
  const account = readAccount();
  const found = account.subscriptions.find(({ id, name }) =>
    [id.toLowerCase(), name.toLowerCase()].includes(wanted.toLowerCase()),
  );
  if (found !== undefined) return writeAccount({ ...account, subscription: found.id });
  throw new OperatorError(
    'SUBSCRIPTION_UNKNOWN',
    `the login has no subscription ${wanted}`,
    'See `atoll account list`; `atoll login` looks for new ones.',
  );
}

/** Without secrets. */
function accountView(account: Account, { id, name, tenantId, state }: Subscription): Json {
  const isUser = account.login.kind === 'user';
  return {
    ...{ environmentName: 'Atoll', id, name, state, tenantId, homeTenantId: tenantId },
    isDefault: id === account.subscription,
    url: account.url,
    user: {
      name: account.login.kind === 'user' ? account.login.name : account.login.clientId,
      type: isUser ? 'user' : 'servicePrincipal',
    },
  };
}
