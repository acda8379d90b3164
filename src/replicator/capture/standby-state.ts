// What a standby says of itself, and whether capture can go on with its stream: a replica relays the very stream
// of its engine, under the same replication id and with the same offsets, once it has carried out what it relays.
//
// Capture asks a standby for its stream only when that is sure to be continued: a full resync in answer would mean
// that writes are missing.

import type { StreamPosition } from './session.ts';

export interface StandbyState {
  readonly isReplica: boolean;
  /** It is connected with its engine. */
  readonly isLinked: boolean;
  /** It is being filled, and has nothing to offer. */
  readonly isFilling: boolean;
  readonly replicationId: string;
  /** The id of its stream before the last failover, and the first offset that does not belong to that any more. */
  readonly formerId: string;
  readonly formerEnd: number;
  /** The last byte of the stream that it has carried out. */
  readonly offset: number;
  /** The first byte that it still has. */
  readonly backlogStart: number;
}

export type Verdict =
  | { readonly kind: 'ready' }
  /** It has not come as far as capture has. */
  | { readonly kind: 'behind'; readonly bytes: number }
  | { readonly kind: 'unfit'; readonly reason: string };

/** Whether capture can go on from `position` with the stream of this standby. A string says why nothing is known. */
export function judgeStandby(state: StandbyState | string, position: StreamPosition): Verdict {
  if (typeof state === 'string') return unfit(state);
  if (!state.isReplica) return unfit('it is no replica');
  if (state.isFilling) return unfit('it is being filled');
  if (!isSameHistory(state, position)) return unfit('it has the stream of another history');
  if (state.offset < position.offset) {
    return { kind: 'behind', bytes: position.offset - state.offset };
  }
  if (state.backlogStart > position.offset + 1) {
    return unfit('its backlog begins behind what was captured');
  }
  return { kind: 'ready' };
}

/** By the rule with which an engine decides whether it continues a stream. */
function isSameHistory(state: StandbyState, { replicationId, offset }: StreamPosition): boolean {
  if (replicationId === state.replicationId) return true;
  return replicationId === state.formerId && offset + 1 <= state.formerEnd;
}

function unfit(reason: string): Verdict {
  return { kind: 'unfit', reason };
}
