// Addresses for what is created: one of loopback for each cluster and cache, so that all can have the same port.
// Where they begin is chosen once, at random, so that control planes on one machine do not meet.

import type { Change } from '../store/store.ts';
import { settingOf } from '../store/store.ts';

const LOWEST = 16 * 65_536;
const HIGHEST = 250 * 65_536;

/** One that nothing else of this control plane has. */
export async function newAddress(change: Change): Promise<string> {
  const first = await settingOf(change, 'first-address', () => {
    return String(LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST)));
  });
  const rows = await change
    .selectFrom('resources')
    .select('hosting')
    .where('type', 'in', ['cluster', 'cache'])
    .execute();
  const taken = new Set(
    rows.map(({ hosting }) => ('address' in hosting ? String(hosting.address) : '')),
  );
  for (let number = Number(first); ; number++) {
    const address = `127.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
    const isUsual = (number & 255) !== 0 && (number & 255) !== 255;
    if (isUsual && !taken.has(address)) return address;
  }
}
