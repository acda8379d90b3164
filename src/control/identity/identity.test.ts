// Attempts, codes of devices, and issuers as they are configured.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Attempts } from './attempts.ts';
import { CODE_SECONDS, DeviceCodes } from './device-codes.ts';
import { readIssuers } from './issuers.ts';

const ASKED = { clientId: 'program', audience: 'https://a', address: '127.0.0.1' };
const USER = { objectId: '1', login: 'ann' };

describe('attempts', () => {
  test('are counted within a span of time, and given back when they went well', () => {
    let nowMs = 0;
    const attempts = new Attempts({ most: 3, windowMs: 100 }, () => nowMs);
    const three = [attempts.take('a'), attempts.take('a'), attempts.take('a')];
    assert.deepEqual(three, [true, true, true]);
    assert.equal(attempts.take('a'), false);
    assert.equal(attempts.take('b'), true, 'others may');
    attempts.giveBack('a');
    assert.equal(attempts.take('a'), true);
    assert.equal(attempts.take('a'), false);
    nowMs = 100;
    assert.equal(attempts.take('a'), true, 'the time is over');
  });

  test('are bounded in memory: the oldest are forgotten', () => {
    const attempts = new Attempts({ most: 1, windowMs: 100 }, () => 0);
    for (let name = 0; name <= 10_000; name++) assert.ok(attempts.take(String(name)));
    assert.equal(attempts.take('0'), true);
    assert.equal(attempts.take('10000'), false);
  });
});

describe('codes of devices', () => {
  test('end with their time, entered or not', () => {
    let nowMs = 10_000;
    const codes = new DeviceCodes(() => nowMs);
    const first = codes.begin(ASKED) ?? assert.fail();
    const second = codes.begin(ASKED) ?? assert.fail();
    assert.match(first.userCode, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    assert.notEqual(first.userCode, second.userCode);
    assert.ok(codes.enter(first.userCode, USER));
    assert.equal(codes.find(first.userCode), null, 'nobody enters it again');
    nowMs += CODE_SECONDS * 1_000 - 1;
    assert.deepEqual(codes.redeem(first.deviceCode, 'program'), {
      ...{ state: 'done', user: USER, audience: 'https://a' },
    });
    assert.equal(codes.redeem(second.deviceCode, 'program').state, 'pending');
    nowMs += 1;
    assert.equal(codes.redeem(second.deviceCode, 'program').state, 'over');
    assert.equal(codes.enter(second.userCode, USER), false);
  });

  test('of one address leave room for others', () => {
    const codes = new DeviceCodes();
    let begun = 0;
    while (codes.begin(ASKED) !== null) begun++;
    assert.equal(begun, 50);
    assert.notEqual(codes.begin({ ...ASKED, address: '10.0.0.1' }), null);
  });
});

describe('issuers', () => {
  test('need TLS, except on this machine', () => {
    const [one] = readIssuers({ issuer: 'https://id.example', audience: 'a' });
    assert.deepEqual(one, { issuer: 'https://id.example', audience: 'a', claim: 'sub' });
    assert.equal(readIssuers([{ issuer: 'http://127.0.0.1:80', audience: 'a' }]).length, 1);
    const code = 'ISSUER_INVALID';
    for (const wrong of [
      { issuer: 'http://id.example', audience: 'a' },
      { issuer: 'https://id.example', audience: 'a', jwksUri: 'http://id.example/keys' },
      { issuer: 'https://id.example' },
      { issuer: 'https://id.example', audience: 'a', audiences: 'b' },
      'https://id.example',
    ]) {
      assert.throws(() => readIssuers(wrong), { code });
    }
  });
});
