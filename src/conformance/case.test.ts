// What the reader of case files takes and refuses, and how it says so.

import assert from 'node:assert';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { OperatorError } from '../base/errors.ts';
import { parseCases, readCases } from './case.ts';
import { providedModules } from './modules.ts';
import { pendingReason } from './requirements.ts';

const CASES = join(import.meta.dirname, '../../test/conformance/cases.json');

const GOOD = {
  id: 'a-case',
  type: 'string',
  regions: 2,
  steps: [{ region: 1, cmd: ['SET', 'k', 'v'] }, { sync: true }],
  final: [{ region: 'all', cmd: ['GET', 'k'], expect: 'v' }],
};

function messageFor(change: object): string {
  try {
    parseCases(JSON.stringify([{ ...GOOD, ...change }]), 'file.json');
  } catch (error) {
    assert.ok(error instanceof OperatorError);
    return error.message;
  }
  return 'accepted';
}

describe('files of cases', () => {
  it('reads every case of the repository', async () => {
    const cases = await readCases(CASES);
    assert.equal(cases.length, 297);
    assert.equal(cases.filter((one) => one.regions === 3).length, 26);
  });

  it('takes a good case', () => {
    assert.equal(messageFor({}), 'accepted');
  });

  const wrong: readonly [object, string][] = [
    [{ regions: 6 }, 'regions'],
    [{ type: undefined }, 'type'],
    [{ final: [{ region: 'all', cmd: [], expect: 'v' }] }, 'final.0.cmd'],
    [{ final: [{ region: 'all', cmd: ['GET', 'k'], expect: { sets: [] } }] }, 'final.0.expect'],
    [{ steps: [{ sync: false }] }, 'steps.0.sync'],
    [{ steps: [{ sync: true }, { sleep: 5 }] }, 'steps.1'],
    [{ steps: [{ region: 1, cmd: ['GET', 'k'], expected: 1 }] }, 'steps.0'],
    [{ steps: [{ region: 3, cmd: ['GET', 'k'] }] }, 'steps: names a region'],
  ];
  for (const [change, field] of wrong) {
    it(`names file, case and field: ${JSON.stringify(change)}`, () => {
      assert.ok(
        messageFor(change).startsWith(`file.json: case a-case: ${field}`),
        messageFor(change),
      );
    });
  }

  it('refuses text that is not JSON, and a case given twice', () => {
    assert.throws(() => parseCases('[', 'file.json'), /file.json: not JSON/);
    assert.throws(() => parseCases(JSON.stringify([GOOD, GOOD]), 'file.json'), /a-case: id: given/);
  });
});

describe('cases that are not run', () => {
  const redis = (version: string) => ({ kind: 'redis', version }) as const;
  const valkey = (version: string) => ({ kind: 'valkey', version }) as const;

  it('says what they require', () => {
    const one = { type: 'hash', requires: ['redis>=7.4', 'pubsub'] };
    assert.equal(pendingReason(one, redis('7.0.15'), false), 'requires redis>=7.4');
    assert.equal(pendingReason(one, redis('8.0.1'), false), undefined);
    assert.equal(pendingReason(one, valkey('8.0.1'), false), 'requires redis>=7.4');
    assert.equal(pendingReason(one, valkey('9.0.0'), false), undefined);
  });

  it('need the module that they are about', () => {
    const one = { type: 'json', requires: ['json'] };
    assert.match(pendingReason(one, redis('7.0.15'), true) ?? '', /requires json/);
    const modules = providedModules({ ATOLL_JSON_MODULE: '/m/json.so', ATOLL_SEARCH_MODULE: '' });
    assert.deepEqual(modules, { requirements: ['json'], paths: ['/m/json.so'] });
    assert.equal(pendingReason(one, redis('7.0.15'), false, modules), undefined);
  });
});
