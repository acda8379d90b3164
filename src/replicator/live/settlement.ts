// What of a key is written anew from the live index, when a batch was decided without knowing of a local
// write. Each covers the one before it.

export const SETTLEMENTS = ['exact value', 'value', 'value and expiry'] as const;

/** Exact: not the sums of doubles, which other members may have rounded otherwise. */
export type Settlement = (typeof SETTLEMENTS)[number];

/** What covers both. */
export function widerSettlement(a: Settlement, b: Settlement): Settlement {
  return SETTLEMENTS.indexOf(a) > SETTLEMENTS.indexOf(b) ? a : b;
}
