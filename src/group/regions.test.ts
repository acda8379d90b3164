import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorError } from '../base/errors.ts';
import { groupRegions, REGIONS, regionNamed, roundTripMs } from './regions.ts';

test('known pairs have their measured round trip, both ways', () => {
  assert.equal(roundTripMs('eastus', 'westeurope'), 80);
  assert.equal(roundTripMs('japaneast', 'eastus'), 150);
  assert.equal(roundTripMs('westeurope', 'japaneast'), 220);
});

test('estimates are symmetric, positive and below the slowest path round the earth', () => {
  const region = fc.constantFrom(...Object.keys(REGIONS));
  fc.assert(
    fc.property(region, region, (a, b) => {
      const tripMs = roundTripMs(a, b);
      assert.equal(tripMs, roundTripMs(b, a));
      assert.ok(tripMs >= 2 && tripMs < 300, `${a} ${b} ${tripMs}`);
    }),
  );
  assert.ok(roundTripMs('northeurope', 'westeurope') < 20);
  assert.ok(roundTripMs('eastus', 'australiaeast') > 180);
});

test('a region may be written as people write it', () => {
  assert.equal(regionNamed('East US'), 'eastus');
  assert.equal(regionNamed('WestEurope'), 'westeurope');
});

test('an unknown region is answered with near names', () => {
  assert.throws(() => regionNamed('westeurop'), actionContains('westeurope'));
  assert.throws(() => regionNamed('japan'), actionContains('japaneast, japanwest'));
  assert.throws(() => regionNamed('atlantis'), actionContains('eastus'));
  assert.throws(() => regionNamed('toString'), actionContains('eastus'));
});

test('a group has one to five different regions', () => {
  assert.deepEqual(groupRegions(['eastus', 'West Europe']), ['eastus', 'westeurope']);
  assert.throws(() => groupRegions(['eastus', 'East US']), { code: 'REGION_TWICE' });
  assert.throws(() => groupRegions([]), { code: 'REGION_COUNT' });
  const six = Object.keys(REGIONS).slice(0, 6);
  assert.throws(() => groupRegions(six), { code: 'REGION_COUNT' });
});

function actionContains(text: string): (error: unknown) => boolean {
  return (error) => error instanceof OperatorError && error.action.includes(text);
}
