// The seed of everything random in the tests: one and the same in every run, so that a failure tells about the
// change, unless ATOLL_TEST_SEED names another (`./atoll test --seed N`, or `random` to look for what is not known
// yet). Loaded ahead of every test file, it gives the seed to the properties, too.

import fc from 'fast-check';

const given = process.env.ATOLL_TEST_SEED ?? '20261';

export const TEST_SEED = Number(given);
if (!Number.isSafeInteger(TEST_SEED) || TEST_SEED < 0) {
  throw new Error(`ATOLL_TEST_SEED is "${given}". It must be a whole number.`);
}
fc.configureGlobal({ seed: TEST_SEED });
