import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EngineUsers, namedRules, renderEngineUsers } from './acl.ts';

const USERS: EngineUsers = { clientPassword: null, replicatorPassword: 'secret' };
const DIGEST = 'a'.repeat(64);
const named = (rules: readonly string[] | null, users: EngineUsers = USERS) =>
  namedRules(users, { name: 'n', digests: [DIGEST], rules }, 'all');

test('a user without rules of its own may do what clients may, with its own passwords', () => {
  const users = { ...USERS, named: [{ name: 'n', digests: [DIGEST], rules: null }] };
  const [clients = '', other = ''] = renderEngineUsers(users).split('\n');
  assert.equal(other, clients.replace('default', 'n').replace('on nopass', `on #${DIGEST}`));
  const [, refused = ''] = renderEngineUsers(users, 'none').split('\n');
  assert.match(refused, /^user n on #a+ -@all /);
});

test('whatever the rules of a user say, what clients may not do comes last', () => {
  const rules = named(['+@all', '+@admin', '+config', '+flushall', '+replicaof', '~*']);
  const end = rules.indexOf('-@dangerous');
  for (const allowed of ['+@all', '+@admin', '+config', '+flushall', '+replicaof']) {
    assert.equal(rules.lastIndexOf(allowed) < end, true, allowed);
  }
  assert.ok(rules.indexOf('-config', end) > end);
});

test('what is dangerous and harmless is allowed to one who names it, and does not take it back', () => {
  const last = (rules: readonly string[], name: string): string | undefined =>
    named(rules).findLast((rule) => rule.slice(1) === name || rule === '-@dangerous');
  assert.equal(last(['+keys', '+cluster|info'], 'keys'), '+keys');
  assert.equal(last(['+keys', '+cluster|info'], 'cluster|info'), '+cluster|info');
  assert.equal(last(['+@read'], 'keys'), '-@dangerous');
  assert.equal(last(['+keys', '-keys'], 'keys'), '-@dangerous');
  const alone = named(['+flushall'], { ...USERS, isAlone: true });
  assert.ok(alone.lastIndexOf('+flushall') > alone.indexOf('-@dangerous'));
});
