// Who may link with whom. Both sides judge the other's hello by the same rules; whoever finds
// something wrong says so in a refusal, so that the operator finds the reason in both logs.

import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { Member } from '../config.ts';
import { type Hello, LINK_PROTOCOL, type Refusal } from './messages.ts';

/** Which members this one goes on without, because too much was kept for them (stale/). */
export interface Standing {
  /** Those, each with the last of its ops that is here. */
  readonly found: VersionEntries;
  /** A peer told in its greeting which those are for it. */
  heard(peer: ReplicaId, found: VersionEntries): void;
  /** Undefined: it is none of them. */
  refusalOf(peer: ReplicaId): Refusal | undefined;
}

/** Who this replicator is. */
export interface Identity {
  readonly group: string;
  readonly shard: number;
  readonly epoch: number;
  readonly self: ReplicaId;
  readonly members: readonly Member[];
  readonly software: string;
  readonly standing?: Standing | undefined;
}

/** What the transport found out about the peer. Plain transports exist on loopback only. */
export type Certificate =
  | { readonly kind: 'plain' }
  | { readonly kind: 'trusted'; readonly name: string }
  | { readonly kind: 'untrusted'; readonly reason: string };

export function helloFor(
  identity: Identity,
  target: ReplicaId,
  received: (origin: ReplicaId) => number,
): Hello {
  const { group, shard, epoch, self, members, software, standing } = identity;
  const vector: VersionEntries = members.map(({ id }) => [id, received(id)]);
  return {
    protocol: LINK_PROTOCOL,
    group,
    shard,
    epoch,
    sender: self,
    target,
    received: vector.map(([id, seq]): [number, number] => [id, seq]),
    stale: (standing?.found ?? []).map(([id, seq]): [number, number] => [id, seq]),
    software,
  };
}

/** The sequence that `hello` gives for `origin`. */
export function receivedOf(hello: Hello, origin: ReplicaId): number {
  return hello.received.find(([id]) => id === origin)?.[1] ?? 0;
}

/** Whom the other goes on without, where it speaks of the same membership. */
export function saidInStep(hello: Hello, { epoch }: Identity): VersionEntries {
  return hello.epoch === epoch ? hello.stale : [];
}

/** Judged before anything else of a hello is read. */
export function judgeProtocol(protocol: number): Refusal | undefined {
  if (protocol === LINK_PROTOCOL) return undefined;
  return {
    code: 'protocol',
    message: `one side speaks link protocol ${protocol}, the other ${LINK_PROTOCOL}`,
    action: 'run the same Atoll version in all regions of the group',
  };
}

/** Judged as soon as the transport stands. */
export function judgeCertificate(certificate: Certificate): Refusal | undefined {
  if (certificate.kind !== 'untrusted') return undefined;
  return {
    code: 'certificate',
    message: `the certificate is not from the group's CA (${certificate.reason})`,
    action: "issue this replicator a certificate from the group's CA and check caFile",
  };
}

/** What of a hello (or of a request for a tunnel) says who is there. */
export type Claim = Pick<Hello, 'group' | 'shard' | 'epoch' | 'sender' | 'target'>;

/** `expected` is whom this side dialed; undefined when it was dialed. */
export function judgeHello(
  hello: Claim,
  identity: Identity,
  certificate: Certificate,
  expected: ReplicaId | undefined,
): Refusal | undefined {
  const us = `replicator ${identity.self}`;
  const them = `replicator ${hello.sender}`;
  if (hello.group !== identity.group) {
    return {
      code: 'group',
      message: `${them} belongs to group "${hello.group}", ${us} to group "${identity.group}"`,
      action: 'check the member addresses: one of them leads to another group',
    };
  }
  if (hello.shard !== identity.shard) {
    return {
      code: 'shard',
      message: `${them} serves shard ${hello.shard}, ${us} shard ${identity.shard}`,
      action: 'check the member addresses: links join equal shards only',
    };
  }
  const gone = identity.members.find(({ id }) => id === hello.sender)?.gone;
  if (gone !== undefined) {
    return {
      code: 'unlinked',
      message: `${them} is no member any more; its writes up to ${gone.last} are kept`,
      action:
        'look at what it alone has with `atoll local quarantine`, then wipe it and force-link it',
      kept: gone.last,
    };
  }
  const stale = identity.standing?.refusalOf(hello.sender);
  if (stale !== undefined) return stale;
  if (hello.epoch < identity.epoch) {
    return {
      code: 'epoch',
      message: `${them} has membership epoch ${hello.epoch}, ${us} has ${identity.epoch}`,
      action: `give ${them} the present membership; if it was unlinked, wipe it and join it anew`,
    };
  }
  if (expected === undefined ? hello.target !== identity.self : hello.sender !== expected) {
    return {
      code: 'identity',
      message:
        expected === undefined
          ? `${them} looks for replicator ${hello.target}, but this is ${us}`
          : `${us} looks for replicator ${expected}, but found ${them}`,
      action: 'check the member addresses and ids: two of them are mixed up',
    };
  }
  return judgeMember(hello, identity, certificate);
}

function judgeMember(
  hello: Claim,
  identity: Identity,
  certificate: Certificate,
): Refusal | undefined {
  const member = identity.members.find(({ id }) => id === hello.sender);
  if (member === undefined || hello.sender === identity.self) {
    return {
      code: 'unknown-member',
      message: `replicator ${hello.sender} is no peer of replicator ${identity.self}`,
      action: 'give both the same membership; if it was unlinked, wipe it and join it anew',
    };
  }
  if (certificate.kind === 'trusted' && certificate.name !== member.region) {
    return {
      code: 'certificate',
      message: `replicator ${hello.sender} is of region "${member.region}", its certificate is for "${certificate.name}"`,
      action: `give replicator ${hello.sender} the certificate of region "${member.region}"`,
    };
  }
  return undefined;
}

/**
 * A peer that has more of our own ops than we know of: our state was lost, and numbering from here
 * on would give two ops the same dot; the peer would drop the new ones as known.
 */
export function judgeHistory(
  self: ReplicaId,
  peer: ReplicaId,
  peerHas: number,
  weHave: number,
): Refusal | undefined {
  if (peerHas <= weHave) return undefined;
  return {
    code: 'history',
    message: `replicator ${peer} has ${peerHas} ops of replicator ${self}, which itself knows of ${weHave} only`,
    action: `the state directory of replicator ${self} was lost or is an old copy: wipe it and join it anew`,
  };
}
