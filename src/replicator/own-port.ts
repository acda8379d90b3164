// What the core asks for, carried out by the parts of a replicator.

import type { Logger } from 'pino';
import type { StreamSource } from './capture/stream-source.ts';
import type { CorePort } from './core-port.ts';
import type { EngineAccess } from './engine-access.ts';
import type { Links } from './link/links.ts';
import type { Log } from './log/log.ts';

export interface OwnPortParts {
  readonly log: Log;
  readonly engine: EngineAccess;
  readonly links: () => Links;
  readonly source: () => StreamSource;
  readonly logger: Logger;
}

export function corePortOf({ log, engine, links, source, logger }: OwnPortParts): CorePort {
  return {
    frameWith: (origin, seq) => log.frameWith(origin, seq),
    append: (records) => {
      log.append(records);
      links().appended();
    },
    probe: (probe) => engine.probe(probe),
    execute: (...args) => engine.execute(...args),
    read: (...args) => engine.read(...args),
    write: (args) => engine.write(args),
    hurry: (offset) => source().hurry(offset),
    acknowledge: (entries) => links().acknowledge(entries),
    want: (peer, origin, afterSeq) => {
      links().want(peer, origin, afterSeq);
    },
    pause: (peer) => links().pause(peer),
    resume: (peer) => links().resume(peer),
    notice: (level, message, details = {}) => logger[level](details, message),
  };
}
