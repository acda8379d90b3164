import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type AdminActions, serveAdmin } from './admin.ts';
import type { ConflictsAnswer, KeyAnswer } from './answers.ts';
import type { ConflictQuery } from './inquiries.ts';
import type { ClockSetting } from './watch.ts';

describe('admin address', () => {
  const asked: (ConflictQuery | string)[] = [];
  const set: ClockSetting[] = [];
  let url = '';
  let close = () => {};

  before(async () => {
    const actions: AdminActions = {
      status: () => ({}),
      join: () => null,
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
      conflicts: (query) => {
        asked.push(query);
        return {} as ConflictsAnswer;
      },
      key: (key) => {
        asked.push(key);
        return {} as KeyAnswer;
      },
      cut: () => {},
      heal: () => {},
      setClock: (setting) => {
        set.push(setting);
      },
    };
    const server = await serveAdmin({ host: '127.0.0.1', port: 0 }, actions);
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    close = () => {
      server.close();
      server.closeAllConnections();
    };
  });
  after(() => close());

  test('keys are bytes, percent-encoded', async () => {
    asked.length = 0;
    await fetch(`${url}/keys?key=user%3a1+%FF%00%25`);
    await fetch(`${url}/keys?x=1&key=${encodeURIComponent('é')}`);
    await fetch(`${url}/keys?key=`);
    assert.deepEqual(asked, ['user:1+\xff\x00%', '\xc3\xa9', '']);
  });

  test('conflicts are limited and filtered when that is asked for', async () => {
    asked.length = 0;
    await fetch(`${url}/conflicts`);
    await fetch(`${url}/conflicts?limit=5&key=a%20b`);
    assert.deepEqual(asked, [
      { key: undefined, limit: undefined },
      { key: 'a b', limit: 5 },
    ]);
  });

  test('the clock guard is set by whole settings only', async () => {
    const post = (body: string) => fetch(`${url}/clock`, { method: 'POST', body });
    assert.equal((await post('{"maxAheadMs":4000000}')).status, 200);
    assert.equal((await post('{"shiftMs":-3600000}')).status, 200);
    for (const body of ['{"maxAheadMs":1}', '{"shiftMs":"1"}', '{"max":1}', '{', '[]']) {
      const response = await post(body);
      assert.equal(response.status, 400, body);
      assert.match(await response.text(), /"code": "BAD_BODY"(.|\n)*maxAheadMs/);
    }
    assert.deepEqual(set, [{ maxAheadMs: 4_000_000 }, { shiftMs: -3_600_000 }]);
  });

  test('a question that cannot be understood is answered with what to ask', async () => {
    for (const path of ['/keys', '/keys?kye=a', '/conflicts?limit=-1', '/conflicts?limit=many']) {
      const response = await fetch(`${url}${path}`);
      assert.equal(response.status, 400, path);
      assert.match(await response.text(), /"code": "BAD_QUERY"(.|\n)*Use GET/);
    }
    assert.equal((await fetch(`${url}/nothing`)).status, 404);
  });
});
