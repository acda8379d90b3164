import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Silence } from './silence.ts';

/** Looks every `stepMs` for `forMs`. Returns the time at the end. */
function passes(
  silence: Silence,
  fromMs: number,
  forMs: number,
  { isAsked = true, stepMs = 200 } = {},
): number {
  for (let atMs = fromMs; atMs <= fromMs + forMs; atMs += stepMs) silence.look(atMs, isAsked);
  return fromMs + forMs;
}

test('what is not answered is silence, for as long as it is', () => {
  const silence = new Silence();
  passes(silence, 5_000, 15_000);
  assert.equal(silence.ms, 15_000);
});

test('any answer ends it', () => {
  const silence = new Silence();
  const nowMs = passes(silence, 0, 14_800);
  silence.heard();
  assert.equal(silence.ms, 0);
  passes(silence, nowMs, 14_800);
  assert.equal(silence.ms, 14_800);
});

test('nobody is silent who is not asked', () => {
  const silence = new Silence();
  const nowMs = passes(silence, 0, 60_000, { isAsked: false });
  assert.equal(silence.ms, 0);
  passes(silence, nowMs, 400);
  assert.equal(silence.ms, 400);
});

test('while nobody listened nobody was silent: a machine that was suspended, a supervisor that was stopped', () => {
  const silence = new Silence();
  const nowMs = passes(silence, 0, 10_000);
  silence.look(nowMs + 3_600_000, true);
  assert.equal(silence.ms, 10_000);
  passes(silence, nowMs + 3_600_000, 5_000);
  assert.equal(silence.ms, 15_000);
});

test('one who stands still again and again, and looks only then, hears no silence', () => {
  const silence = new Silence();
  passes(silence, 0, 600_000, { stepMs: 1_500 });
  assert.equal(silence.ms, 0);
});

test('it is never more than the time since the last answer', () => {
  const step = fc.record({ ms: fc.nat(3_000), isAsked: fc.boolean(), isHeard: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const silence = new Silence();
      let [nowMs, heardMs] = [0, 0];
      silence.look(nowMs, true);
      for (const { ms, isAsked, isHeard } of steps) {
        nowMs += ms;
        silence.look(nowMs, isAsked);
        if (isHeard) silence.heard();
        if (isHeard) heardMs = nowMs;
        assert.ok(silence.ms <= nowMs - heardMs);
      }
    }),
  );
});
