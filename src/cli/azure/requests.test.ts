// What commands send: each is run against a stand-in of a control plane that writes down what it is asked.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Command, CommanderError } from 'commander';
import { accountFile, readAccount, writeAccount } from './account-file.ts';
import { ArmClient } from './client.ts';
import type { Json } from './json.ts';
import { signInUser } from './sign-in.ts';
import { cacheCommand } from './verbs/cache.ts';
import { clusterCommand } from './verbs/cluster.ts';
import { groupCommand } from './verbs/group.ts';
import { loginCommand, logoutCommand } from './verbs/login.ts';
import { restCommand } from './verbs/rest.ts';

interface Asked {
  readonly what: string;
  readonly body: Json | string;
}

interface Reply {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Record<string, string>;
}

const SUBSCRIPTION = '00000000-aaaa';
const IN_RG = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Cache`;
const idOf = (name: string) => `${IN_RG}/redisEnterprise/${name}/databases/default`;

describe('what commands send', () => {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-azure-'));
  const asked: Asked[] = [];
  let answers: ((what: string) => Reply | undefined)[] = [];
  let url = '';

  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const what = `${request.method} ${request.url}`;
    const isJson = request.headers['content-type'] === 'application/json';
    asked.push({ what, body: isJson ? JSON.parse(text) : text });
    const { status, headers = {}, body } = replyTo(what);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body === undefined ? '' : JSON.stringify(body));
  };
  const replyTo = (what: string): Reply => {
    for (const answer of answers) {
      const reply = answer(what);
      if (reply !== undefined) return reply;
    }
    return { status: 200, body: {} };
  };
  const server = createServer((request, response) => void take(request, response));

  before(async () => {
    process.env.ATOLL_CONFIG_DIR = join(dir, 'config');
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    delete process.env.ATOLL_CONFIG_DIR;
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true });
  });
  beforeEach(() => {
    asked.length = 0;
    answers = [];
    writeAccount({
      ...{ version: 1, url, ca: null, tenant: 'T' },
      login: { kind: 'servicePrincipal', clientId: 'id', clientSecret: 'secret' },
      token: { text: 'token', expiresMs: Date.now() + 3_600_000 },
      subscriptions: [{ id: SUBSCRIPTION, name: 'Atoll', tenantId: 'T', state: 'Enabled' }],
      subscription: SUBSCRIPTION,
    });
  });

  const run = async (command: Command, line: readonly string[]) => {
    quiet(command);
    await command.parseAsync([...line, '-o', 'none'], { from: 'user' });
  };
  const cluster = (...line: readonly string[]) => run(clusterCommand(), line);
  const database = (...line: readonly string[]) => cluster('database', ...line);
  const changes = () => asked.filter(({ what }) => !what.startsWith('GET '));

  test('create makes a cluster and its database, with every spelling of its options', async () => {
    const common = ['create', '--location', 'East US', '--sku', 'Enterprise_E10', '-g', 'rg'];
    const linked = ['--linked-databases', `id=${idOf('a')}`, '--linked-database', idOf('b')];
    await cluster(
      ...[...common, '--cluster-name', 'b', '--capacity', '4', '--tags', 'x=1', 'y=2'],
      ...['--group-nickname', 'grp', ...linked, '--mods', 'name=RediSearch'],
      ...['--eviction-policy', 'NoEviction', '--client-protocol', 'Plaintext', '--port', '10001'],
    );
    assert.deepEqual(changes(), [
      {
        what: `PUT ${IN_RG}/redisEnterprise/b?api-version=2024-09-01-preview`,
        body: {
          location: 'East US',
          tags: { x: '1', y: '2' },
          sku: { name: 'Enterprise_E10', capacity: 4 },
        },
      },
      {
        what: `PUT ${idOf('b')}?api-version=2024-09-01-preview`,
        body: {
          properties: {
            ...{ clientProtocol: 'Plaintext', port: 10_001, evictionPolicy: 'NoEviction' },
            modules: [{ name: 'RediSearch' }],
            geoReplication: {
              groupNickname: 'grp',
              linkedDatabases: [{ id: idOf('a') }, { id: idOf('b') }],
            },
          },
        },
      },
    ]);
    asked.length = 0;
    await cluster(...common, '-n', 'c', '--no-database');
    assert.deepEqual(
      changes().map(({ what }) => what.split('?')[0]),
      [`PUT ${IN_RG}/redisEnterprise/c`],
    );
  });

  test('a cluster without a location is where its resource group is', async () => {
    const group = `GET /subscriptions/${SUBSCRIPTION}/resourceGroups/rg?`;
    answers = [(what) => (what.startsWith(group) ? ok({ location: 'westus' }) : undefined)];
    await cluster('create', '-n', 'c', '-g', 'rg', '--sku', 'Enterprise_E10', '--no-database');
    assert.deepEqual(changes()[0]?.body, { location: 'westus', sku: { name: 'Enterprise_E10' } });
  });

  test('what is done to groups names databases by their ids, in both spellings', async () => {
    const target = ['--cluster-name', 'a', '-g', 'rg', '--yes'];
    await database('force-unlink', ...target, '--unlink-ids', idOf('b'), idOf('c'));
    await database('force-unlink', ...target, '--ids', idOf('b'));
    await database('flush', ...target, '--linked-ids', idOf('b'));
    await database('flush', ...target);
    await database(
      ...['force-link-to-replication-group', ...target, '--database-name', 'default'],
      ...['--group-nickname', 'grp', '--linked-databases', `[{id:${idOf('a')},state:Linked}]`],
    );
    assert.deepEqual(asked, [
      asking('POST', `${idOf('a')}/forceUnlink`, { ids: [idOf('b'), idOf('c')] }),
      asking('POST', `${idOf('a')}/forceUnlink`, { ids: [idOf('b')] }),
      asking('POST', `${idOf('a')}/flush`, { ids: [idOf('b')] }),
      asking('POST', `${idOf('a')}/flush`, {}),
      asking('POST', `${idOf('a')}/forceLinkToReplicationGroup`, {
        geoReplication: { groupNickname: 'grp', linkedDatabases: [{ id: idOf('a') }] },
      }),
    ]);
  });

  test('a resource is named by its id as well', async () => {
    const ids = ['--ids', idOf('a').replace('resourceGroups', 'resourcegroups')];
    await database('regenerate-key', ...ids, '--key-type', 'primary');
    await database('update', ...ids, '--access-keys-authentication', 'Disabled');
    assert.deepEqual(asked, [
      asking('POST', `${idOf('a')}/regenerateKey`, { keyType: 'Primary' }),
      asking('PATCH', idOf('a'), { properties: { accessKeysAuthentication: 'Disabled' } }),
    ]);
  });

  test('data goes to and comes from addresses', async () => {
    const target = ['-n', 'a', '-g', 'rg'];
    await database('export', ...target, '--sas-uri', 'https://h/c?sv=1&sig=a,b');
    await database('import', ...target, '--sas-uris', 'file:///a', 'file:///b', '-y');
    assert.deepEqual(asked, [
      asking('POST', `${idOf('a')}/export`, { sasUri: 'https://h/c?sv=1&sig=a,b' }),
      asking('POST', `${idOf('a')}/import`, { sasUris: ['file:///a', 'file:///b'] }),
    ]);
  });

  test('principals are let in by their object ids', async () => {
    const target = ['--cluster-name', 'a', '-g', 'rg', '--access-policy-assignment-name', 'ada'];
    const access = (...line: readonly string[]) => database('access-policy-assignment', ...line);
    await access('create', ...target, '--user', 'object-id=7', '--access-policy-name', 'default');
    await access('delete', ...target, '--yes');
    const path = `${idOf('a')}/accessPolicyAssignments/ada`;
    assert.deepEqual(changes(), [
      asking('PUT', path, { properties: { accessPolicyName: 'default', user: { objectId: '7' } } }),
      { ...asking('DELETE', path, ''), body: '' },
    ]);
  });

  test('any request can be sent', async () => {
    const url = '/subscriptions/{subscriptionId}/x?api-version=1';
    await run(restCommand(), ['--method', 'put', '--uri', url, '--body', '{"a":[1]}']);
    assert.deepEqual(asked, [asking('PUT', `/subscriptions/${SUBSCRIPTION}/x`, { a: [1] }, '1')]);
    const broken = run(restCommand(), ['-u', url, '-b', '{a']);
    await assert.rejects(broken, /It must be JSON/);
  });

  test('caches and resource groups', async () => {
    await run(groupCommand(), ['create', '-l', 'East US', '--resource-group', 'rg']);
    const sized = ['-n', 'c', '-g', 'rg', '-l', 'eastus', '--sku', 'Premium', '--vm-size', 'P1'];
    await run(cacheCommand(), ['create', ...sized, '--enable-non-ssl-port']);
    assert.deepEqual(asked, [
      asking(
        'PUT',
        `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg`,
        { location: 'East US' },
        '2021-04-01',
      ),
      asking(
        'PUT',
        `${IN_RG}/Redis/c`,
        {
          location: 'eastus',
          properties: {
            sku: { name: 'Premium', family: 'P', capacity: 1 },
            enableNonSslPort: true,
          },
        },
        '2024-11-01',
      ),
    ]);
  });

  test('wrong usage is refused before anything is asked', async () => {
    const wrong: [readonly string[], RegExp][] = [
      [['show', '-n', 'c'], /required: --resource-group\/-g/],
      [['show', '-n', 'a/../b', '-g', 'rg'], /can be no name of a cluster/],
      [['create', '-n', 'c', '-g', 'rg'], /required: --sku/],
      [
        ['create', '-n', 'c', '-g', 'rg', '--sku', 's', '--no-database', '--port', '1'],
        /--no-database/,
      ],
      [['database', 'force-unlink', '-n', 'c', '-g', 'rg', '-y'], /required: --unlink-ids/],
      [['database', 'show', '--ids', `${IN_RG}/redis/c`], /no id of a database/],
      [['update', '-n', 'c', '-g', 'rg', '--reason', 'a\nb'], /one line/],
      [['list', '-o', 'xml'], /Allowed choices are json/],
    ];
    for (const [line, message] of wrong) {
      await assert.rejects(cluster(...line), (error) => {
        assert.ok(error instanceof CommanderError);
        assert.match(error.message, message);
        return true;
      });
    }
    await assert.rejects(cluster('list', '--query', '[}'), { code: 'QUERY_INVALID' });
    const target = ['-n', 'c', '-g', 'rg'];
    await assert.rejects(cluster('delete', ...target), { code: 'CONFIRMATION_NEEDED' });
    assert.deepEqual(asked, []);
  });

  test('lists are read to their end', async () => {
    answers = [
      (what) => (what.includes('skipToken') ? ok({ value: [2], nextLink: '' }) : undefined),
      () => ok({ value: [1], nextLink: `${url}/x?api-version=1&$skipToken=t` }),
    ];
    assert.deepEqual(await new ArmClient({ account: readAccount() }).list('/x', '1'), [1, 2]);
  });

  test('a secret or a token goes nowhere else', async () => {
    answers = [() => ok({ value: [], nextLink: 'http://localhost:1/x' })];
    const client = new ArmClient({ account: readAccount() });
    await assert.rejects(client.list('/x', '1'), { code: 'CONTROL_ELSEWHERE' });
    const remote = { ...readAccount(), url: 'http://192.0.2.1' };
    await assert.rejects(new ArmClient({ account: remote }).get('/x', '1'), {
      code: 'PLAIN_BEYOND_LOOPBACK',
    });
  });

  test('a token that is refused or about to expire is renewed, once, and kept', async () => {
    let refusals = 0;
    answers = [
      (what) =>
        what.includes('/token') ? ok({ access_token: 'next', expires_in: 3_600 }) : undefined,
      () => (refusals++ === 0 ? { status: 401, body: {} } : undefined),
    ];
    await new ArmClient({ account: readAccount() }).get('/x', '1');
    assert.equal(readAccount().token?.text, 'next');
    assert.deepEqual(
      asked.map(({ what }) => what.split('?')[0]),
      ['GET /x', 'POST /T/oauth2/v2.0/token', 'GET /x'],
    );
    refusals = -10;
    answers = [() => ({ status: 401, body: { error: { code: 'Expired', message: 'no' } } })];
    const expired = { ...readAccount(), token: null };
    await assert.rejects(new ArmClient({ account: expired }).get('/x', '1'), { code: 'Expired' });
  });

  test('a refresh token that another command has used up is no reason to sign in again', async () => {
    answers = [(what) => (what.includes('/token') ? refusedGrant : undefined)];
    const login = { kind: 'user', refreshToken: 'used', name: 'ada' } as const;
    const old = { ...readAccount(), login, token: { text: 'old', expiresMs: 0 } };
    const client = new ArmClient({ account: { ...old } });
    writeAccount({ ...old, token: { text: 'newer', expiresMs: Date.now() + 3_600_000 } });
    await client.get('/x', '1');
    writeAccount(old);
    await assert.rejects(new ArmClient({ account: { ...old } }).get('/x', '1'), {
      code: 'LOGIN_EXPIRED',
    });
  });

  test('login keeps its file to itself, and logout removes it', async () => {
    answers = [
      (what) => (what.includes('/token') ? ok({ access_token: 'a', expires_in: 60 }) : undefined),
      () =>
        ok({ value: [{ subscriptionId: 's', displayName: 'S', tenantId: 't', state: 'Enabled' }] }),
    ];
    const who = ['--service-principal', '-u', 'me', '-p', 'hidden', '--tenant', 't'];
    await run(loginCommand(), [...who, '--control', url]);
    assert.equal(statSync(accountFile()).mode & 0o777, 0o600);
    assert.equal(statSync(join(dir, 'config')).mode & 0o777, 0o700);
    assert.equal(readAccount().subscription, 's');
    assert.match(String(asked[0]?.body), /client_secret=hidden/);
    quiet(logoutCommand());
    await logoutCommand().parseAsync([], { from: 'user' });
    assert.ok(!existsSync(accountFile()));
    assert.throws(readAccount, { code: 'NOT_LOGGED_IN' });
  });

  test('a user signs in with a code: asked until it is there', async () => {
    let questions = 0;
    const claims = Buffer.from(JSON.stringify({ preferred_username: 'ada' })).toString('base64url');
    answers = [
      (what) =>
        what.includes('/devicecode')
          ? ok({
              device_code: 'd',
              user_code: 'ABC',
              verification_uri: 'https://v',
              interval: 0.01,
            })
          : undefined,
      () =>
        questions++ === 0
          ? { status: 400, body: { error: 'authorization_pending' } }
          : ok({ access_token: `h.${claims}.s`, refresh_token: 'r', expires_in: 60 }),
    ];
    const told: string[] = [];
    const tokens = await signInUser({ url, ca: null, tenant: 'T' }, (text) => told.push(text));
    assert.deepEqual(told, ['To sign in, open https://v and enter the code ABC.']);
    assert.deepEqual(tokens.login, { kind: 'user', refreshToken: 'r', name: 'ada' });
    assert.equal(asked.length, 3);
  });
});

const refusedGrant: Reply = { status: 400, body: { error: 'invalid_grant' } };

function asking(method: string, path: string, body: Json, version = '2024-09-01-preview'): Asked {
  return { what: `${method} ${path}?api-version=${version}`, body };
}

function ok(body: object): Reply {
  return { status: 200, body };
}

/** Errors come back, and nothing is printed. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  for (const child of command.commands) quiet(child);
}
