// Who gets into the control plane and what they may do there: users and codes of devices, principals, roles that are
// given through the API, and tokens of other issuers.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ClientAssertionCredential, DeviceCodeCredential } from '@azure/identity';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { allRoutes, type ControlPlane } from '../../src/control/control-plane.ts';
import type { Credentials } from '../../src/control/identity/principals.ts';
import {
  at,
  ControlClient,
  type Json,
  type Reply,
  removeFolder,
  startPlane,
  temporaryFolder,
} from './support/control-bed.ts';
import { FakeHosting } from './support/fake-hosting.ts';
import { type OidcIssuer, startIssuer } from './support/oidc-issuer.ts';
import { run } from './support/run-atoll.ts';

const GROUP = '/resourceGroups/rg1';
const VERSION = 'api-version=2022-04-01';
const PASSWORD = 'correct horse battery';
const FORM = 'application/x-www-form-urlencoded';
const AUDIENCE = 'https://atoll.example';
const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
const OWNER = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';

describe('control plane identity', () => {
  const dir = temporaryFolder();
  let issuer: OidcIssuer;
  let plane: ControlPlane;
  let owner: ControlClient;
  let ownerSecret: Credentials;

  before(async () => {
    issuer = await startIssuer();
    const issuers = [
      { issuer: issuer.url, audience: AUDIENCE, claim: 'email' },
      { issuer: 'http://127.0.0.1:9', audience: AUDIENCE, claim: 'sub' },
    ];
    const hosting = new FakeHosting(1024 ** 3);
    plane = await startPlane(dir, { plain: false, hosting, issuers });
    owner = new ControlClient(plane);
    ownerSecret = plane.owner ?? assert.fail('the first start makes an owner');
    await owner.signIn(ownerSecret);
    assert.equal((await owner.call('PUT', GROUP, { location: 'eastus' })).status, 201);
  });
  after(async () => {
    await plane.stop();
    await issuer.close();
    await removeFolder(dir);
  });

  const principals = '/providers/Atoll.Identity/principals';
  const create = async (body: object) =>
    await owner.send('POST', `${principals}?${VERSION}`, { body: JSON.stringify(body) });
  const user = async (name: string) => {
    const made = await create({ kind: 'User', displayName: name, name, password: PASSWORD });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return String(at(made.body, 'objectId'));
  };
  const group = () => `/subscriptions/${plane.subscription}${GROUP}`;
  const assignmentAt = (scope: string, name: string = randomUUID()) =>
    `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`;
  const assign = async (principalId: string, role: string, scope: string, by = owner) => {
    const roleDefinitionId = `/providers/Microsoft.Authorization/roleDefinitions/${role}`;
    const body = JSON.stringify({ properties: { roleDefinitionId, principalId } });
    return await by.send('PUT', `${assignmentAt(scope)}?${VERSION}`, { body });
  };
  const post = async (path: string, form: Record<string, string>) =>
    await owner.send('POST', path, { body: new URLSearchParams(form).toString(), type: FORM });
  const begin = async (authority = `/${plane.tenant}/oauth2/v2.0`, client_id = 'program') => {
    const scope = `${plane.url}/.default offline_access openid`;
    const begun = await post(`${authority}/devicecode`, { client_id, scope });
    assert.equal(begun.status, 200, JSON.stringify(begun.body));
    const [userCode, deviceCode] = [at(begun.body, 'user_code'), at(begun.body, 'device_code')];
    return { userCode: String(userCode), deviceCode: String(deviceCode) };
  };
  const enter = async (user_code: string, name: string, password = PASSWORD) =>
    await page(plane, { user_code, name, password });
  const redeem = async (device_code: string, client_id = 'program') =>
    await post(`/${plane.tenant}/oauth2/v2.0/token`, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      ...{ device_code, client_id },
    });
  const bearing = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const read = async (token: string) =>
    await owner.send('GET', `${group()}?${VERSION}`, bearing(token));
  const assertRefused = (reply: Reply, status: number, code: string): void => {
    assert.equal(reply.status, status, JSON.stringify(reply.body));
    assert.equal(at(reply.body, 'error', 'code'), code);
  };

  test('a published client signs a user in by a code', async () => {
    const objectId = await user('Ann');
    assert.equal((await assign(objectId, READER, group())).status, 201);
    const ca = readFileSync(plane.caFile ?? assert.fail('it has a CA'), 'utf8');
    const credential = new DeviceCodeCredential({
      ...{ tenantId: plane.tenant, clientId: 'a-program', authorityHost: plane.url },
      ...{ disableInstanceDiscovery: true, tlsOptions: { ca } },
      userPromptCallback: ({ userCode, verificationUri }) => {
        assert.equal(verificationUri, `${plane.url}/devicelogin`);
        // However it is typed.
        void enter(userCode.toLowerCase().replace('-', ' '), 'ann');
      },
    });
    const { token } = await credential.getToken(`${plane.url}/.default`);
    assert.equal((await read(token)).status, 200);
    const refused = await owner.send('DELETE', `${group()}?${VERSION}`, bearing(token));
    assertRefused(refused, 403, 'AuthorizationFailed');
    assert.match(String(at(refused.body, 'error', 'message')), /client 'ann'/);
  });

  test('a code is good for one sign-in, of its program', async () => {
    const objectId = await user('ben');
    const { userCode, deviceCode } = await begin('/adfs/oauth2');
    assert.equal(at((await redeem(deviceCode)).body, 'error'), 'authorization_pending');
    assert.equal(at((await redeem(deviceCode)).body, 'error'), 'slow_down');
    assert.equal((await enter('BCDF-GHJK', 'ben')).status, 400);
    assert.equal((await enter(userCode, 'ben', 'wrong')).status, 401);
    assert.equal((await enter(userCode, 'nobody')).status, 401);
    const signedIn = await enter(userCode, 'ben');
    assert.equal(signedIn.status, 200);
    assert.match(signedIn.text, /signed in as ben/);
    assert.equal((await enter(userCode, 'ben')).status, 400, 'it is entered once');
    assert.equal(at((await redeem(deviceCode, 'another')).body, 'error'), 'expired_token');
    const given = await redeem(deviceCode);
    assert.equal(given.status, 200);
    assert.equal(at((await redeem(deviceCode)).body, 'error'), 'expired_token');
    const refresh = async (refresh_token: string, client_id = 'program') =>
      await post('/adfs/oauth2/token', {
        ...{ grant_type: 'refresh_token', refresh_token, client_id },
        scope: `${plane.url}/.default`,
      });
    const first = String(at(given.body, 'refresh_token'));
    assert.equal(at((await refresh(first, 'another')).body, 'error'), 'invalid_grant');
    const next = await refresh(first);
    assert.equal(next.status, 200);
    assertRefused(await read(String(at(next.body, 'access_token'))), 403, 'AuthorizationFailed');
    const second = String(at(next.body, 'refresh_token'));
    assert.notEqual(second, first);
    const reset = await owner.send('POST', `${principals}/${objectId}/resetSecret?${VERSION}`, {
      body: JSON.stringify({ password: `${PASSWORD} 2` }),
    });
    assert.equal(reset.status, 200);
    for (const token of [first, second, 'nothing', 'nul\0']) {
      assert.match(String(at((await refresh(token)).body, 'error')), /invalid_(grant|request)/);
    }
    assert.equal((await enter((await begin()).userCode, 'ben')).status, 401, 'the old password');
  });

  test('passwords cannot be tried for long, and pages show text as text', async () => {
    await user('cleo');
    const { userCode } = await begin();
    const statuses: number[] = [];
    for (let round = 0; round < 12; round++) {
      statuses.push((await enter(userCode, 'Cleo', `wrong ${round}`)).status);
    }
    assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
    assert.equal((await enter(userCode, 'cleo')).status, 429, 'also with the right one');
    const shown = await enter(userCode, '<script>"x\'</script>', 'x');
    assert.ok(!shown.text.includes('<script>'), shown.text);
    assert.match(shown.policy, /default-src 'none'/);
  });

  test('principals are made, listed and removed, with all that they may', async () => {
    const made = await create({ kind: 'ServicePrincipal', displayName: 'deployer' });
    assert.equal(made.status, 201);
    const objectId = String(at(made.body, 'objectId'));
    const [clientId, clientSecret] = [at(made.body, 'clientId'), at(made.body, 'clientSecret')];
    const credentials = { clientId: String(clientId), clientSecret: String(clientSecret) };
    const deployer = new ControlClient(plane);
    await deployer.signIn(credentials);
    assertRefused(await deployer.call('GET', GROUP), 403, 'AuthorizationFailed');
    assert.equal((await assign(objectId, READER, group())).status, 201);
    assert.equal((await deployer.call('GET', GROUP)).status, 200);
    const listed = await owner.send('GET', `${principals}?${VERSION}`);
    assert.match(JSON.stringify(listed.body), new RegExp(objectId));
    assert.doesNotMatch(JSON.stringify(listed.body), /secret|hash/i);
    for (const wrong of [
      { kind: 'User', displayName: 'x', name: 'x', password: 'short' },
      { kind: 'User', displayName: 'x', password: PASSWORD },
      { kind: 'User', displayName: 'x', name: 'external/1', password: PASSWORD },
      { kind: 'ServicePrincipal', displayName: 'x', name: 'chosen' },
      { kind: 'User', displayName: 'x', issuer: 'https://unknown.example', subject: 'x' },
      { kind: 'Group', displayName: 'x' },
    ]) {
      assert.equal((await create(wrong)).status, 400, JSON.stringify(wrong));
    }
    await user('twice');
    const twice = { kind: 'User', displayName: 'x', name: 'TWICE', password: PASSWORD };
    assertRefused(await create(twice), 409, 'PrincipalExists');
    const path = `${principals}/${objectId}?${VERSION}`;
    assert.equal((await owner.send('DELETE', path)).status, 200);
    assert.equal((await owner.send('DELETE', path)).status, 204);
    assertRefused(await deployer.call('GET', GROUP), 403, 'AuthorizationFailed');
    await assert.rejects(deployer.signIn(credentials));
  });

  test('roles are given and taken away at a scope, by those who may', async () => {
    const objectId = await user('dora');
    const { userCode, deviceCode } = await begin();
    assert.equal((await enter(userCode, 'dora')).status, 200);
    const token = String(at((await redeem(deviceCode)).body, 'access_token'));
    const given = await assign(objectId, READER, group());
    assert.equal(given.status, 201);
    assert.equal(at(given.body, 'properties', 'scope'), group());
    assert.equal(at(given.body, 'properties', 'principalType'), 'User');
    assert.equal((await read(token)).status, 200);
    assertRefused(await assign(objectId, READER, group()), 409, 'RoleAssignmentExists');
    const listed = async (filter: string, scope = group()) => {
      const path = `${scope}/providers/Microsoft.Authorization/roleAssignments?${VERSION}&$filter=`;
      const { status, body } = await owner.send('GET', path + encodeURIComponent(filter));
      assert.equal(status, 200, JSON.stringify(body));
      const value = at(body, 'value');
      return Array.isArray(value) ? value.map((one) => at(one, 'properties', 'scope')) : [];
    };
    assert.deepEqual(await listed(`principalId eq '${objectId}'`), [group()]);
    assert.deepEqual(await listed(`assignedTo('${objectId}')`, ''), [group()]);
    assert.deepEqual(await listed(`atScope() and principalId eq '${objectId}'`, ''), []);
    assert.deepEqual(await listed('atScope()', ''), ['/']);
    const odd = `/providers/Microsoft.Authorization/roleAssignments?${VERSION}&$filter=a%20eq%201`;
    assertRefused(await owner.send('GET', odd), 400, 'BadRequest');

    const path = `${String(at(given.body, 'id'))}?${VERSION}`;
    const asDora = async (method: string, url: string, body?: object) =>
      await owner.send(method, url, {
        ...bearing(token),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    assertRefused(await asDora('DELETE', path), 403, 'AuthorizationFailed');
    const toMyself = { roleDefinitionId: OWNER, principalId: objectId };
    // Where the right is checked is where the role is given, however the path is written.
    assert.equal((await assign(objectId, OWNER, group())).status, 201);
    assertRefused(
      await asDora('PUT', `${assignmentAt('')}?${VERSION}`, { properties: toMyself }),
      ...([403, 'AuthorizationFailed'] as const),
    );
    for (const [index, trick] of ['%70roviders', 'PROVIDERS', 'providers/'].entries()) {
      const scope = group().replace('resourceGroups', index === 1 ? 'RESOURCEGROUPS' : '$&');
      const url = `${assignmentAt(scope).replace('/providers', `/${trick}`)}?${VERSION}`;
      const principalId = await user(`trick-${index}`);
      const { body } = await asDora('PUT', url, {
        properties: { roleDefinitionId: READER, principalId },
      });
      const where = at(body, 'properties', 'scope');
      assert.ok(where === group() || at(body, 'error', 'code') !== undefined, `${trick}: ${where}`);
      assert.deepEqual(await listed(`atScope() and principalId eq '${principalId}'`, ''), []);
    }
    const taken = await asDora('DELETE', path);
    assert.equal(taken.status, 200);
    assert.equal((await asDora('DELETE', path)).status, 204);
    assert.deepEqual(await listed(`principalId eq '${objectId}' and atScope()`), [group()]);
  });

  test('what is wrong with an assignment is said', async () => {
    const objectId = await user('eva');
    const put = async (properties: object, scope = group(), name: string = randomUUID()) =>
      await owner.send('PUT', `${assignmentAt(scope, name)}?${VERSION}`, {
        body: JSON.stringify({ properties }),
      });
    const right = { roleDefinitionId: READER, principalId: objectId };
    const unknown = { ...right, principalId: randomUUID() };
    assertRefused(await put(unknown), 400, 'PrincipalNotFound');
    const noRole = { ...right, roleDefinitionId: `/x/${randomUUID()}` };
    assertRefused(await put(noRole), 400, 'RoleDefinitionDoesNotExist');
    assertRefused(await put({ ...right, condition: '@x' }), 400, 'BadRequest');
    const wrongType = { ...right, principalType: 'Group' };
    assertRefused(await put(wrongType), 400, 'UnmatchedPrincipalType');
    assertRefused(await put(right, group(), 'name'), 400, 'InvalidGuid');
    assertRefused(await put(right, `${group()}x`), 404, 'ResourceGroupNotFound');
    const cache = `${group()}/providers/Microsoft.Cache/redis/none`;
    assertRefused(await put(right, cache), 404, 'ResourceNotFound');
    const name = randomUUID();
    assert.equal((await put(right, group(), name)).status, 201);
    assert.equal((await put(right, group(), name)).status, 200);
    const other = { ...right, roleDefinitionId: OWNER };
    assertRefused(await put(other, group(), name), 409, 'RoleAssignmentUpdateNotPermitted');
    const definitions = `${group()}/providers/Microsoft.Authorization/roleDefinitions?${VERSION}&$filter=`;
    const roles = await owner.send('GET', `${definitions}roleName%20eq%20'Reader'`);
    assert.equal(at(roles.body, 'value', 0, 'name'), READER);
    assert.equal(at(roles.body, 'value', 1), undefined);
  });

  test('no way leads from less to everything', async () => {
    const made = await create({ kind: 'ServicePrincipal', displayName: 'contributor' });
    const contributor = new ControlClient(plane);
    await contributor.signIn({
      clientId: String(at(made.body, 'clientId')),
      clientSecret: String(at(made.body, 'clientSecret')),
    });
    const objectId = String(at(made.body, 'objectId'));
    assert.equal((await assign(objectId, 'b24988ac-6180-42a0-ab88-20f7382dd24c', '')).status, 201);
    const { body: all } = await owner.send('GET', `${principals}?${VERSION}`);
    const first = String(at(all, 'value', 0, 'objectId'));
    const attempts = [
      await assign(objectId, OWNER, '', contributor),
      await contributor.send('POST', `${principals}/${first}/resetSecret?${VERSION}`),
      await contributor.send('POST', `${principals}?${VERSION}`, { body: '{}' }),
      await contributor.send('DELETE', `${principals}/${first}?${VERSION}`),
    ];
    for (const reply of attempts) assertRefused(reply, 403, 'AuthorizationFailed');
    const permissions = await contributor.send(
      'GET',
      `${group()}/providers/Microsoft.Authorization/permissions?${VERSION}`,
    );
    assert.deepEqual(at(permissions.body, 'value', 0, 'actions'), ['*']);
    const log = await owner.send(
      'GET',
      `/providers/Microsoft.Insights/eventtypes/management/values?${VERSION}`,
    );
    const refused = JSON.stringify(at(log.body, 'value', 0));
    assert.match(refused, /principals\/delete.*AuthorizationFailed/, 'refusals are written down');
    // Somebody stays who may give rights.
    assertRefused(
      await owner.send('DELETE', `${principals}/${first}?${VERSION}`),
      ...([409, 'LastOwner'] as const),
    );
    const { body: owners } = await owner.send(
      'GET',
      `/providers/Microsoft.Authorization/roleAssignments?${VERSION}&$filter=principalId%20eq%20'${first}'`,
    );
    const last = await owner.send('DELETE', `${String(at(owners, 'value', 0, 'id'))}?${VERSION}`);
    assertRefused(last, 409, 'LastOwner');
  });

  test('an issuer that is trusted speaks for those who were given to it', async () => {
    const claims = { email: 'fay@corp.example', aud: AUDIENCE };
    const token = await issuer.sign(claims);
    assertRefused(await read(token), 403, 'PrincipalNotFound');
    const about = { kind: 'User', displayName: 'Fay', subject: claims.email };
    const made = await create({ ...about, issuer: issuer.url });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(at(made.body, 'clientSecret'), undefined);
    assertRefused(await read(token), 403, 'AuthorizationFailed');
    assert.equal((await assign(String(at(made.body, 'objectId')), READER, group())).status, 201);
    assert.equal((await read(token)).status, 200);
    const asked = issuer.asked.length;
    assert.equal((await read(token)).status, 200);
    assert.equal(issuer.asked.length, asked, 'its keys are remembered');

    const invalid = 'InvalidAuthenticationToken';
    const other = await issuer.sign({ ...claims, aud: 'https://elsewhere.example' });
    assertRefused(await read(other), 401, invalid);
    assertRefused(await read(await issuer.sign({ aud: AUDIENCE })), 401, invalid);
    assertRefused(
      await read(await issuer.sign({ ...claims, email: 'x'.repeat(300) })),
      401,
      invalid,
    );
    const expired = await issuer.sign(claims, { expires: '-5 minutes' });
    assertRefused(await read(expired), 401, 'ExpiredAuthenticationToken');
    const unknown = await issuer.sign(claims, { issuer: 'https://unknown.example' });
    assertRefused(await read(unknown), 401, invalid);
    const [head = '', payload = ''] = token.split('.');
    assertRefused(await read(`${head}.${payload}.AAAA`), 401, invalid);
    const shared = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer.url)
      .setExpirationTime('5 minutes')
      .sign(Buffer.alloc(32));
    assertRefused(await read(shared), 401, invalid);
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    assertRefused(await read(`${none}.${payload}.AAAA`), 401, invalid);
    const silent = await issuer.sign(claims, { issuer: 'http://127.0.0.1:9' });
    assertRefused(await read(silent), 503, 'IssuerUnavailable');
  });

  test('a published client signs in with the token of another issuer', async () => {
    const about = { kind: 'ServicePrincipal', displayName: 'pod', subject: 'pod@cluster' };
    const made = await create({ ...about, issuer: issuer.url });
    const objectId = String(at(made.body, 'objectId'));
    assert.equal((await assign(objectId, READER, group())).status, 201);
    const ca = readFileSync(plane.caFile ?? assert.fail('it has a CA'), 'utf8');
    const as = (email: string) =>
      new ClientAssertionCredential(
        ...([plane.tenant, objectId] as const),
        () => issuer.sign({ email, aud: AUDIENCE }),
        { authorityHost: plane.url, disableInstanceDiscovery: true, tlsOptions: { ca } },
      ).getToken(`${plane.url}/.default`);
    assert.equal((await read((await as('pod@cluster')).token)).status, 200);
    await assert.rejects(as('fay@corp.example'), /invalid_client/);
    await assert.rejects(as('nobody@cluster'), /invalid_client/);
  });

  test('commands make principals, and give and take away roles', async () => {
    const environment = { ATOLL_CONFIG_DIR: join(dir, 'config') };
    const atoll = async (...args: readonly string[]): Promise<Json> => {
      const { code, stdout, stderr } = await run(args, { environment });
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
      return stdout.trim() === '' ? null : JSON.parse(stdout);
    };
    const secret = ['-u', ownerSecret.clientId, '-p', ownerSecret.clientSecret];
    const ca = plane.caFile ?? assert.fail('it has a CA');
    await atoll('login', '--service-principal', ...secret, '--url', plane.url, '--ca', ca);
    const made = await atoll('principal', 'create', '-n', 'by command');
    const [clientId, clientSecret] = [at(made, 'clientId'), at(made, 'clientSecret')];
    const other = new ControlClient(plane);
    await other.signIn({ clientId: String(clientId), clientSecret: String(clientSecret) });
    const about = ['--assignee', String(clientId), '--role', 'reader', '--scope', group()];
    const given = await atoll('role', 'assignment', 'create', ...about);
    assert.equal((await other.call('GET', GROUP)).status, 200);
    const whose = ['--assignee', String(clientId), '--all', '--query', '[].scope'];
    assert.deepEqual(await atoll('role', 'assignment', 'list', ...whose), [group()]);
    await atoll('role', 'assignment', 'delete', '--ids', String(at(given, 'id')), '-y');
    assert.deepEqual(await atoll('role', 'assignment', 'list', ...whose), []);
    await atoll('principal', 'create', '-n', 'Hal', '-u', 'hal', '-p', PASSWORD);
    assert.equal((await enter((await begin()).userCode, 'hal')).status, 200);
    await atoll('principal', 'delete', '-i', 'hal', '-y');
    const gone = await run(['principal', 'show', '-i', 'hal'], { environment });
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /there is no principal hal/);
  });

  test('codes of devices are bounded', async () => {
    const codes = await Promise.all(
      Array.from({ length: 60 }, () =>
        post('/adfs/oauth2/devicecode', { client_id: 'p', scope: `${plane.url}/.default` }),
      ),
    );
    const refused = codes.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 10, 'codes are bounded');
    assert.equal(at(refused[0]?.body, 'error'), 'temporarily_unavailable');
  });

  test('hostile requests are refused with a 4xx in the known shape', async () => {
    const routes = allRoutes(plane.parts).filter(({ path }) =>
      /Authoriz|Identity|metric/i.test(path),
    );
    assert.ok(routes.length > 40);
    const { token } = owner;
    const [head = '', payload = '', signature = ''] = token.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const tokens = ['', 'x', `${none}.${payload}.`, `${none}.${payload}.${signature}`];
    tokens.push(`${head}.${payload}.${signature.slice(0, -4)}AAAA`);
    for (const { method, path } of routes) {
      const url = path
        .replace(':subscription', plane.subscription)
        .replace(':resourceGroup', 'rg1')
        .replace(/:\w+/g, 'x');
      const hasBody = ['PUT', 'POST'].includes(method);
      for (const one of tokens) {
        const reply = await owner.send(method, `${url}?${VERSION}`, {
          ...bearing(one),
          ...(hasBody ? { body: '{}' } : {}),
        });
        assert.equal(reply.status, 401, `${method} ${path}`);
      }
      const odd = url.replace(/x$/, '..%2f..%2f%00').replace('rg1', 'rg%27--');
      const attempts = [
        [`${odd}?${VERSION}`, '{}'],
        [`${url}?api-version=now`, '{}'],
        [
          `${url}?${VERSION}&$filter=%27%20or%20%ed%a0%80&metricnames=%00&timespan=%25`,
          '{"properties":',
        ],
        ...(hasBody
          ? [[`${url}?${VERSION}`, `{"a":"${'x'.repeat(10 * 1024 ** 2)}"}`] as const]
          : []),
      ] as const;
      for (const [target, body] of attempts) {
        const reply = await owner.send(method, target, hasBody ? { body } : {});
        const isRefused = reply.status >= 400 && reply.status < 500;
        // Some of them take no notice of what is odd here.
        const isNoNotice = reply.status < 300 && !hasBody;
        assert.ok(isRefused || isNoNotice, `${method} ${target.slice(0, 200)}: ${reply.status}`);
        if (isRefused) assert.equal(typeof at(reply.body, 'error', 'code'), 'string');
      }
    }
  });

  test('no form or body whatever makes it fail', async () => {
    const { tenant } = plane;
    const grants = ['client_credentials', 'refresh_token', 'device_code', 'password'];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...grants, `${plane.url}/.default`, '\0', '\ud800', 'x'.repeat(600)),
    );
    const names = ['grant_type', 'client_id', 'client_secret', 'scope', 'refresh_token', 'code'];
    names.push(
      'client_assertion',
      'client_assertion_type',
      'device_code',
      'user_code',
      'name',
      'password',
      '__proto__',
    );
    const forms = ['/adfs/oauth2/token', `/${tenant}/oauth2/v2.0/devicecode`, '/devicelogin'];
    const form = fc.dictionary(fc.constantFrom(...names), text);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...forms),
        form,
        fc.boolean(),
        async (path, given, isJson) => {
          const reply = await owner.sendRaw('POST', path, {
            body: isJson ? JSON.stringify(given) : new URLSearchParams(given).toString(),
            type: isJson ? 'application/json' : FORM,
          });
          assert.ok(reply.status < 500, `${path} ${reply.status} ${JSON.stringify(given)}`);
        },
      ),
      { numRuns: 60 },
    );
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.record({ properties: fc.jsonValue() }),
      fc.record({
        properties: fc.record({ roleDefinitionId: fc.string(), principalId: fc.jsonValue() }),
      }),
      fc.record({ kind: fc.constantFrom('User', 'x'), displayName: fc.jsonValue(), name: text }),
    );
    const paths = [assignmentAt(group()), principals, `${principals}/x/resetSecret`];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), anything, async (path, body) => {
        const method = path.includes('roleAssignments') ? 'PUT' : 'POST';
        const reply = await owner.send(method, `${path}?${VERSION}`, {
          body: JSON.stringify(body),
        });
        assert.ok(reply.status >= 400 && reply.status < 500, `${reply.status}`);
        assert.equal(typeof at(reply.body, 'error', 'code'), 'string');
      }),
      { numRuns: 60 },
    );
  });
});

/** Posts the form of the sign-in page. */
async function page(plane: ControlPlane, form: Record<string, string>) {
  const client = new ControlClient(plane);
  const reply = await client.sendRaw('POST', '/devicelogin', {
    body: new URLSearchParams(form).toString(),
    type: FORM,
  });
  const policy = String(reply.headers['content-security-policy']);
  return { status: reply.status, text: reply.text, policy };
}
