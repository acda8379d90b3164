// Rows that say whether the replicators' memory stays flat.

import type { Measurement } from '../report.ts';

export const MEGABYTE = 1024 * 1024;

/** How much the later figure is above the earlier one: at most 5% is flat. */
export function growthRows(
  section: string,
  names: { early: string; late: string },
  megabytes: { early: number; late: number },
): Measurement[] {
  const row = (name: string, unit: string, candidate: number): Measurement => ({
    section,
    name,
    unit,
    baseline: null,
    candidate,
  });
  return [
    row(names.early, 'MB', megabytes.early),
    row(names.late, 'MB', megabytes.late),
    {
      ...row('growth', '%', (megabytes.late / megabytes.early - 1) * 100),
      target: { of: 'value', bound: 'atMost', limit: 5 },
    },
  ];
}
