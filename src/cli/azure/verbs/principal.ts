// `atoll principal`: who may sign in to a control plane. az has no such commands: there a directory of its own does it.

import type { Command } from 'commander';
import { OperatorError } from '../../../base/errors.ts';
import { PRINCIPALS_VERSION } from '../api-versions.ts';
import { needs } from '../enterprise-options.ts';
import { type Json, textAt } from '../json.ts';
import { option } from '../options.ts';
import type { Row } from '../render.ts';
import type { Session } from '../session.ts';
import { verb, verbs } from '../verb.ts';

const PRINCIPALS = '/providers/Atoll.Identity/principals';

interface CreateOptions {
  readonly displayName?: string;
  readonly user?: string;
  readonly password?: string;
  readonly issuer?: string;
  readonly subject?: string;
  readonly kind?: string;
}

interface OneOptions {
  readonly id?: string;
  readonly password?: string;
}

const row = (item: Json): Row => ({
  ObjectId: textAt(item, 'objectId'),
  Kind: textAt(item, 'kind'),
  DisplayName: textAt(item, 'displayName'),
  SignsInAs: ['name', 'clientId', 'subject'].map((name) => textAt(item, name)).join(''),
  Issuer: textAt(item, 'issuer'),
});

const ID = () => option('--id <id>', 'object id, client id or name', { spellings: ['-i'] });
const PASSWORD = () =>
  option('-p, --password <password>', 'of a user; default: the first line of standard input');

export function principalCommand(): Command {
  return verbs('principal', 'who may sign in to a control plane', [
    createCommand(),
    verb({
      name: 'list',
      about: 'list service principals and users',
      target: 'none',
      row,
      run: async ({ client }) => await client.list(PRINCIPALS, PRINCIPALS_VERSION),
    }),
    verb<OneOptions>({
      name: 'show',
      about: 'show a service principal or user',
      target: 'none',
      options: [ID()],
      check: ({ id }) => needs(id, '--id/-i'),
      row,
      run: async (session, _, { id = '' }) => await existing(session, id),
    }),
    verb<OneOptions>({
      name: 'reset-secret',
      about: 'give it another secret, which is shown this once, or a user another password',
      target: 'none',
      options: [ID(), PASSWORD()],
      check: ({ id }) => needs(id, '--id/-i'),
      destroys: 'make the secret or the password that it has useless',
      run: async (session, _, { id = '', password }) => {
        const found = await existing(session, id);
        const isUser = textAt(found, 'kind') === 'User';
        const body = isUser ? { password: password ?? (await firstLine()) } : {};
        const path = `${PRINCIPALS}/${textAt(found, 'objectId')}/resetSecret`;
        return await session.client.begin({
          ...{ method: 'POST', path, version: PRINCIPALS_VERSION, body },
        });
      },
    }),
    verb<OneOptions>({
      name: 'delete',
      about: 'remove a service principal or user with all its rights',
      target: 'none',
      options: [ID()],
      check: ({ id }) => needs(id, '--id/-i'),
      destroys: 'remove it, and every role that it has',
      run: async (session, _, { id = '' }) => {
        const path = `${PRINCIPALS}/${textAt(await existing(session, id), 'objectId')}`;
        await session.client.begin({ method: 'DELETE', path, version: PRINCIPALS_VERSION });
        return undefined;
      },
    }),
  ]);
}

function createCommand(): Command {
  return verb<CreateOptions>({
    name: 'create',
    about: 'make a service principal, whose secret is shown this once, or with --user a user',
    target: 'none',
    isChange: true,
    options: [
      option('-n, --display-name <name>', 'for people to read'),
      option('-u, --user <name>', 'a user, who signs in with this name and a password'),
      PASSWORD(),
      option('--issuer <url>', 'it signs in there (see --issuer of `atoll control`)'),
      option('--subject <text>', 'who it is there'),
      option('--kind <kind>', 'of one that signs in elsewhere; default: ServicePrincipal', {
        choices: ['ServicePrincipal', 'User'],
      }),
    ],
    check: ({ displayName }) => needs(displayName, '--display-name/-n'),
    row,
    run: async ({ client }, _, { displayName = '', user, password, issuer, subject, kind }) => {
      const isLocalUser = user !== undefined;
      const body: Json = {
        ...{ kind: isLocalUser ? 'User' : (kind ?? 'ServicePrincipal'), displayName },
        ...(isLocalUser ? { name: user, password: password ?? (await firstLine()) } : {}),
        ...(issuer === undefined ? {} : { issuer }),
        ...(subject === undefined ? {} : { subject }),
      };
      const request = { method: 'POST', path: PRINCIPALS, version: PRINCIPALS_VERSION } as const;
      return await client.begin({ ...request, body });
    },
  });
}

/** By whatever it is known. Throws OperatorError. */
export async function existing({ client }: Session, wanted: string): Promise<Json> {
  const all = await client.list(PRINCIPALS, PRINCIPALS_VERSION);
  const found = all.filter((one) =>
    ['objectId', 'clientId', 'name', 'subject'].some(
      (name) => textAt(one, name).toLowerCase() === wanted.toLowerCase(),
    ),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new OperatorError(
    'PRINCIPAL_UNKNOWN',
    `${found.length === 0 ? 'there is no principal' : 'there are several principals called'} ${wanted}`,
    'See `atoll principal list`, and name one by its object id.',
  );
}

/** A password is no argument that other users of the machine could see. */
async function firstLine(): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  if (process.stdin.isTTY) process.stderr.write('Password: ');
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new OperatorError('PASSWORD_MISSING', 'there is no password', 'Give --password/-p.');
}
