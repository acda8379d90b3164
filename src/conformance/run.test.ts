// The runner on a mesh without engines: one map per region, which a sync makes equal to the last written.

import assert from 'node:assert';
import { describe, it } from 'node:test';
import { parseCases } from './case.ts';
import type { JsonReply } from './matcher.ts';
import type { Mesh, PendingReply } from './mesh.ts';
import { type CaseResult, runCases } from './run.ts';

class MapMesh implements Mesh {
  readonly regionCount = 2;
  readonly engineVersion = '7.0.15';
  readonly #values = [new Map<string, string>(), new Map<string, string>()];
  #last = 0;
  cleaned = 0;
  closed = false;

  run(region: number, [name = '', key = '', value = '']: readonly string[]): Promise<JsonReply> {
    const values = this.#values[region - 1] as Map<string, string>;
    if (name === 'BREAK') return Promise.reject(new Error('broken'));
    if (name === 'GET') return Promise.resolve(values.get(key) ?? null);
    values.set(key, value);
    this.#last = region - 1;
    return Promise.resolve('OK');
  }

  runApart(region: number, command: readonly string[]): Promise<JsonReply> {
    return this.run(region, command);
  }

  block(): Promise<PendingReply> {
    return Promise.reject(new Error('not here'));
  }

  subscribe(): Promise<PendingReply> {
    let sent = false;
    const next = () => {
      const message: JsonReply | undefined = sent ? undefined : ['message', 'ch', 'hello'];
      sent = true;
      return Promise.resolve(message);
    };
    return Promise.resolve({ next, close: () => {} });
  }

  async sync(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#values[1 - this.#last] = new Map(this.#values[this.#last]);
  }

  clean(): Promise<void> {
    for (const values of this.#values) values.clear();
    this.cleaned++;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

async function run(...cases: { steps: object[]; final?: object[] }[]) {
  const meshes: MapMesh[] = [];
  const reported: CaseResult[] = [];
  const whole = cases.map((one, index) => ({
    ...{ id: `case-${index}`, type: 'string', regions: 2, final: [] },
    ...one,
  }));
  const startMesh = () => {
    const mesh = new MapMesh();
    meshes.push(mesh);
    return Promise.resolve(mesh);
  };
  const report = (result: CaseResult) => reported.push(result);
  const parsed = parseCases(JSON.stringify(whole), 'test');
  const results = await runCases(parsed, { jobs: 1, startMesh, report });
  assert.deepEqual(reported, results);
  return { results, meshes };
}

function reasonOf(result: CaseResult | undefined): string {
  return result === undefined || result.outcome === 'pass' ? 'passed' : result.reason;
}

const SET = { region: 1, cmd: ['SET', 'k', 'v'] };
const GET_ALL = { region: 'all', cmd: ['GET', 'k'], expect: 'v' };

describe('the runner of cases', () => {
  it('passes what converges', async () => {
    const { results } = await run({ steps: [SET, { sync: true }], final: [GET_ALL] });
    assert.equal(results[0]?.outcome, 'pass');
  });

  it('says which region shows what', async () => {
    const { results } = await run({ steps: [SET], final: [GET_ALL] });
    assert.equal(reasonOf(results[0]), 'final: region 2: GET k: expected "v", saw null');
  });

  it('demands that regions agree where several replies are allowed', async () => {
    const final = [{ region: 'all', cmd: ['GET', 'k'], expect: { oneOf: ['v', null] } }];
    const { results } = await run({ steps: [SET], final });
    assert.equal(reasonOf(results[0]), 'final: GET k: region 1 shows "v", region 2 null');
  });

  it('stops at the first step that shows something else', async () => {
    const { results } = await run({
      steps: [SET, { region: 2, cmd: ['GET', 'k'], expect: 'v' }, { region: 1, cmd: ['BREAK'] }],
    });
    assert.equal(reasonOf(results[0]), 'step 2: region 2: GET k: expected "v", saw null');
  });

  it('watches what a sync shows on the way', async () => {
    const observe = [{ region: 2, cmd: ['GET', 'k'], allowed: ['v'] }];
    const { results } = await run({ steps: [SET, { sync: true, observe }], final: [GET_ALL] });
    assert.match(reasonOf(results[0]), /step 2: region 2: GET k showed null on the way/);
  });

  it('awaits messages, and their absence', async () => {
    const subscribed = { region: 1, subscribe: 'ch', as: 's' };
    const message = { await: 's', expect: ['message', 'ch', 'hello'] };
    const { results } = await run(
      { steps: [subscribed, message, { await: 's', expect: null, timeout_ms: 1 }] },
      { steps: [subscribed, message, message] },
    );
    assert.equal(results[0]?.outcome, 'pass');
    assert.match(reasonOf(results[1]), /step 3: s: expected .* saw nothing in time/);
  });

  it('cleans between cases, and replaces a mesh that breaks', async () => {
    const { results, meshes } = await run(
      { steps: [SET, { sync: true }], final: [GET_ALL] },
      { steps: [{ region: 1, cmd: ['BREAK'] }] },
      { steps: [{ region: 1, cmd: ['GET', 'k'], expect: null }] },
    );
    assert.deepEqual(
      results.map((result) => result.outcome),
      ['pass', 'FAIL', 'pass'],
    );
    assert.deepEqual(
      meshes.map((mesh) => mesh.cleaned),
      [1, 1],
    );
    assert.ok(meshes.every((mesh) => mesh.closed));
  });
});
