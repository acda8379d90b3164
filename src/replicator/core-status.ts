// What GET /status tells of the core.

import type { Core } from './core.ts';

export function coreStatus(core: Core) {
  const { counters, conflicts, index, published } = core;
  return {
    capturedOffset: core.capturedOffset,
    versionVector: Object.fromEntries(published.visible),
    received: Object.fromEntries(published.received),
    frontier: Object.fromEntries(core.frontier),
    captured: counters.captured,
    applied: counters.applied,
    skipped: counters.skipped,
    conflicts: conflicts.countsByType,
    conflictRules: conflicts.counts,
    liveIndex: {
      keys: index.keyCount,
      ops: index.opCount,
      merged: index.mergedCount,
      bytes: index.bytes,
      diskBytes: index.storedBytes,
    },
    applyRetries: core.applying.retries,
    applyRaces: counters.applyRaces,
    applyErrors: counters.applyErrors,
    strangeFences: counters.strangeFences,
    unknownCommands: { ...counters.unknownCommands },
    waiting: core.applying.waiting,
  };
}
