import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ArmFailure, failureOf } from './failure.ts';
import { pollAt, progressIn, type Reply, waitMs } from './polling.ts';

const reply = (status: number, headers: Reply['headers'], body?: Reply['body']): Reply => ({
  ...{ status, headers, body },
});
const state = (provisioningState: string) => ({ properties: { provisioningState } });

test('a status document comes before a place for the result, and that before the resource', () => {
  const both = reply(201, { 'azure-asyncoperation': 'https://h/o', location: 'https://h/l' });
  assert.deepEqual(pollAt('PUT', '/r', both), { kind: 'document', path: 'https://h/o' });
  const place = pollAt('POST', '/r', reply(202, { location: 'https://h/l' }));
  assert.deepEqual(place, { kind: 'result', path: 'https://h/l' });
  const bare = reply(201, {}, state('Creating'));
  assert.deepEqual(pollAt('PUT', '/r', bare), { kind: 'resource', path: '/r' });
  assert.equal(pollAt('PUT', '/r', reply(200, {}, state('Succeeded'))), null);
  assert.equal(pollAt('POST', '/r', reply(200, {}, { primaryKey: 'k' })), null);
});

test('it is over when its document, its result or its resource says so', () => {
  const at = (kind: 'document' | 'result' | 'resource') => ({ kind, path: '/' });
  const over = (kind: 'document' | 'result' | 'resource', answer: Reply) =>
    progressIn(at(kind), answer).isOver;
  assert.equal(over('document', reply(200, {}, { status: 'InProgress' })), false);
  assert.equal(over('document', reply(200, {}, { status: 'succeeded' })), true);
  assert.equal(over('result', reply(202, {})), false);
  assert.equal(over('result', reply(200, {})), true);
  assert.equal(over('resource', reply(200, {}, state('Updating'))), false);
  assert.equal(over('resource', reply(200, {}, state('Succeeded'))), true);
  const failed = { status: 'Failed', error: { code: 'Lost', message: 'it is lost' } };
  assert.throws(() => over('document', reply(200, {}, failed)), { code: 'Lost', exitCode: 1 });
  const refused = reply(409, {}, { error: { code: 'Busy', message: 'later' } });
  assert.throws(() => over('result', refused), { code: 'Busy' });
});

test('short operations are asked soon, others as often as the control plane says', () => {
  const headers = { 'retry-after': '7' };
  assert.deepEqual(
    [0, 1, 2].map((count) => waitMs(count, headers)),
    [150, 350, 7_000],
  );
  assert.equal(waitMs(2, {}), 2_000);
  assert.equal(waitMs(2, { 'retry-after': '9999' }), 60_000);
});

test('a refusal is told with its code, its target and every detail; what is not there exits with 3', () => {
  const body = {
    error: {
      code: 'SkuMismatch',
      message: 'sku is X (and 1 more rule, see details)',
      target: 'sku.name',
      details: [
        { code: 'SkuMismatch', message: 'sku is X', target: 'sku.name' },
        { code: 'TlsMismatch', message: 'tls is Y', target: 'properties.clientProtocol' },
      ],
    },
  };
  const failure = failureOf(400, body);
  assert.deepEqual(failure.lines, [
    '(SkuMismatch) sku is X (and 1 more rule, see details)',
    'Target: sku.name',
    'Details:',
    '  (SkuMismatch) sku is X [sku.name]',
    '  (TlsMismatch) tls is Y [properties.clientProtocol]',
  ]);
  assert.equal(failure.exitCode, 1);
  assert.equal(failureOf(404, { error: { code: 'ResourceNotFound', message: '' } }).exitCode, 3);
  const early = failureOf(409, { error: { code: 'MemberNotReady', message: 'it joins' } });
  assert.match(early.lines.at(-1) ?? '', /possible later: `atoll .* wait --updated`/);
  const oauth = failureOf(401, { error: 'invalid_client', error_description: 'wrong' });
  assert.equal(oauth.lines[0], '(invalid_client) wrong');
  assert.equal(
    new ArmFailure(502, undefined).lines[0],
    '(HTTP 502) The control plane answered 502.',
  );
});
