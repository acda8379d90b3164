// Whom an operator means who names peers, or none.

import { OperatorError } from '../../base/errors.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import type { ReplicatorConfig } from '../config.ts';

/** Undefined stands for all peers. Throws OperatorError for who is none. */
export function peersOrAll(
  { self, members }: Pick<ReplicatorConfig, 'self' | 'members'>,
  peers: readonly ReplicaId[] | undefined,
): ReplicaId[] {
  const present = members.filter((m) => m.gone === undefined).map((m) => m.id);
  const others = present.filter((id) => id !== self);
  if (peers === undefined) return others;
  for (const id of peers) {
    if (others.includes(id)) continue;
    throw new OperatorError(
      'UNKNOWN_PEER',
      `replica ${id} is no peer of this replicator`,
      `Its peers are ${others.join(', ')}.`,
    );
  }
  return [...peers];
}
