// What the two sides of a link connection have in common. Each ordered pair of replicators has one
// connection: the dialer's side is SenderSession, the acceptor's ReceiverSession. Sessions decide and
// do nothing: records and instants go in, effects come out, to be carried out in order.

import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { Refusal, TunnelRequest } from './messages.ts';

/** A link is dead when nothing came for so long. Both sides send at least every second. */
export const SILENCE_MS_MAX = 5000;

/** A monotonic clock for durations, and the wall clock for what is told to others. */
export interface Instant {
  readonly nowMs: number;
  readonly wallMs: number;
}

export type Effect =
  | { readonly do: 'send'; readonly record: Buffer }
  /** The greeting is over: the other side is `peer`. */
  | {
      readonly do: 'open';
      readonly peer: ReplicaId;
      readonly software: string;
      readonly stale: VersionEntries;
    }
  | { readonly do: 'frame'; readonly bytes: Buffer }
  | { readonly do: 'ack'; readonly entries: VersionEntries }
  /** The other side wants a tunnel: from here on the connection is no link. */
  | { readonly do: 'tunnel'; readonly request: TunnelRequest }
  /** Frames may have become sendable. */
  | { readonly do: 'pump' }
  /** The end: after a refusal by this side, once its record is out; else at once. */
  | { readonly do: 'close'; readonly reason: string; readonly refusal?: RefusalNote };

export interface RefusalNote extends Refusal {
  readonly by: 'us' | 'them';
}

export function describeRefusal({ code, message, action, by }: RefusalNote): string {
  return `${by === 'us' ? 'refused the peer' : 'refused by the peer'} (${code}): ${message}; ${action}`;
}
