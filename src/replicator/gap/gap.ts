// What becomes of writes of the own engine that were missed, as its backlog no longer reached back to where the log
// ends: the replicator starts anew at the present end of the stream, and mends what follows (gap-repair.ts).

import type { Logger } from 'pino';
import { OperatorError } from '../../base/errors.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { ReplicatorConfig } from '../config.ts';
import type { Tunnel } from '../link/tunnel.ts';
import type { GapStatus } from '../status.ts';
import { GapFile } from './gap-file.ts';
import { GapRepair } from './gap-repair.ts';
import { KeyAnswers } from './key-answers.ts';

export interface GapParts {
  readonly config: ReplicatorConfig;
  readonly connected: () => readonly ReplicaId[];
  readonly visible: () => VersionEntries;
  readonly loggedPosition: () => number;
  /** Ships what the engine holds at this key (latin1) as new ops. */
  readonly assertKey: (key: string) => void;
  readonly logger: Logger;
  readonly startAnew: () => void;
}

export class Gap {
  readonly #parts: GapParts;
  readonly #file: GapFile;
  readonly #answers: KeyAnswers;
  #repair: GapRepair | undefined;
  /** Writes were missed before this life, and what followed was not mended. */
  readonly #wasOpen: boolean;

  constructor(parts: GapParts) {
    this.#parts = parts;
    this.#file = new GapFile(parts.config.stateDir);
    this.#wasOpen = this.#file.isThere;
    this.#answers = new KeyAnswers({ ...parts, engine: parts.config.engine });
  }

  /** What follows from writes that were missed is not mended. */
  get isOpen(): boolean {
    return this.#wasOpen && this.#repair?.status.isOver !== true;
  }

  /** The stream is to be taken up at its present end. */
  get isAhead(): boolean {
    return this.isOpen && this.#repair === undefined;
  }

  get status(): GapStatus | null {
    return this.#repair?.status ?? null;
  }

  /** The engine no longer has the stream from the end of the log on. */
  lost(reason: string): void {
    this.#parts.logger.error(
      { code: 'CAPTURE_BACKLOG_LOST', reason },
      "the engine's backlog no longer reaches back to the end of the log: writes were missed. " +
        'All keys are compared with another member, and what differs is shipped. Make repl-backlog-size larger',
    );
    this.#file.write();
    this.#parts.startAnew();
  }

  /** Capture has begun, at an engine that the log knows by `known`. Throws OperatorError. */
  began(replicationId: string, known: string | undefined): void {
    if (!this.isAhead) return;
    if (known !== undefined && known !== replicationId) {
      this.#file.remove();
      throw otherEngine(this.#parts.config.engine);
    }
    this.#repair = new GapRepair({ ...this.#parts, onDone: () => this.#file.remove() });
    void this.#repair.run();
  }

  /** A member that has missed writes compares its keys with those here. */
  accept(tunnel: Tunnel): void {
    this.#answers.accept(tunnel);
  }

  close(): void {
    this.#repair?.close();
  }
}

function otherEngine({ host, port }: ReplicatorConfig['engine']): OperatorError {
  return new OperatorError(
    'CAPTURE_BACKLOG_LOST',
    `the engine at ${host}:${port} has begun anew: it does not have the data that the log speaks of`,
    'Wipe this member and fill it again; in a local group that happens by itself, or use `atoll local force-link`.',
  );
}
