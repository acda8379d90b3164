// What GET /status answers, put together from all parts of a replicator.

import type { ReplicaId } from '../model/version-vector.ts';
import type { StreamSource } from './capture/stream-source.ts';
import type { ReplicatorConfig } from './config.ts';
import type { Core } from './core.ts';
import { coreStatus } from './core-status.ts';
import type { EngineFacts } from './engine-facts.ts';
import type { Lags } from './lags.ts';
import type { Links } from './link/links.ts';
import type { Log } from './log/log.ts';
import type { GapStatus, ReplicatorStatus } from './status.ts';
import type { Unlinked } from './unlinked.ts';
import type { Watch } from './watch.ts';

export interface StatusParts {
  readonly config: ReplicatorConfig;
  readonly core: Core;
  readonly links: Links;
  readonly log: Log;
  readonly facts: EngineFacts;
  readonly isEngineUp: boolean;
  readonly source: StreamSource;
  readonly lags: Lags;
  readonly unlinked: Unlinked;
  readonly watch: Watch;
  readonly diskAlarm: string | null;
  readonly gap: GapStatus | null;
}

export function statusOf(parts: StatusParts): ReplicatorStatus {
  const { config, core, links, log, facts, isEngineUp, source, lags, watch } = parts;
  const nowMs = performance.now();
  const memory = process.memoryUsage();
  return {
    id: config.self,
    group: config.group,
    epoch: config.epoch,
    region: config.members.find(({ id }) => id === config.self)?.region ?? '',
    engine: {
      up: isEngineUp,
      version: facts.version,
      host: config.engine.host,
      port: config.engine.port,
      keys: facts.keys,
    },
    idle: core.isIdle && isEngineUp && source.isOpen,
    ...coreStatus(core),
    capture: {
      ...source.status,
      replicationId: core.resumePosition?.replicationId ?? null,
    },
    logBytes: log.bytes,
    logOrigins: config.members.map(({ id }) => id).filter((id) => log.firstSeq(id) > 0),
    memory: { rssBytes: memory.rss, heapBytes: memory.heapUsed },
    unlinked: parts.unlinked.status,
    peers: links.status().map((link) => {
      return watch.peerStatus(link, lags.lagMs(link, isCaughtUp(core, link.id), nowMs));
    }),
    diskAlarm: parts.diskAlarm,
    gap: parts.gap,
    ...watch.status(),
  };
}

/** Everything that the peer said it has written is visible here. */
function isCaughtUp(core: Core, peer: ReplicaId): boolean {
  const visible = new Map(core.published.visible).get(peer) ?? 0;
  return visible >= core.stability.knownOf(peer, peer);
}
