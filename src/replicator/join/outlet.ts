// What a donor writes to a newcomer: the bytes of its engine as they are, or, where the newcomer still holds
// an earlier snapshot, the present one as a difference (delta/).

import type { Socket } from 'node:net';
import { CorruptInput } from '../../base/errors.ts';
import { RecordReader, RecordType, recordBody } from '../../wire/record.ts';
import { encodeTunnelBytes } from './delta/messages.ts';
import { DeltaSender } from './delta/sender.ts';
import { TurnWriter, WAITING_BYTES_MAX } from './forward.ts';

/** A batch that does not fill waits so long for more. */
const FLUSH_MS = 20;

export interface Outlet {
  /** Nothing is to be written until this is false. */
  readonly isFull: boolean;
  /** Whether snapshots are to be written as they come, however few bytes may be sent now. */
  readonly isDelta: boolean;
  /** `isSnapshot`: the bytes belong to one; `isLast`: it ends with them. */
  write(bytes: Buffer, isSnapshot: boolean, isLast: boolean): void;
  /** Sends what the newcomer has asked for, while `maySend`. False: it is to be called again. */
  sendDue(maySend: () => boolean): boolean;
  /** What came from the newcomer; returns what its engine says. Throws CorruptInput. */
  receive(chunk: Buffer): Buffer[];
  close(): void;
}

/** `onSent` is told how many bytes are on their way. */
export class PlainOutlet implements Outlet {
  readonly isDelta = false;
  readonly #link: Socket;
  readonly #writer: TurnWriter;
  readonly #onSent: (bytes: number) => void;

  constructor(link: Socket, onSent: (bytes: number) => void) {
    this.#link = link;
    this.#writer = new TurnWriter(link);
    this.#onSent = onSent;
  }

  get isFull(): boolean {
    return this.#link.writableLength >= WAITING_BYTES_MAX;
  }

  write(bytes: Buffer): void {
    this.#writer.write(bytes);
    this.#onSent(bytes.length);
  }

  sendDue(): boolean {
    return true;
  }

  receive(chunk: Buffer): Buffer[] {
    return [chunk];
  }

  close(): void {}
}

/** As PlainOutlet, for a newcomer that makes its digests with `salt`. */
export class DeltaOutlet implements Outlet {
  readonly isDelta = true;
  readonly #plain: PlainOutlet;
  readonly #sender: DeltaSender;
  readonly #reader = new RecordReader();
  #isInSnapshot = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(link: Socket, salt: Buffer, onSent: (bytes: number) => void) {
    this.#plain = new PlainOutlet(link, onSent);
    this.#sender = new DeltaSender(salt, (record) => this.#plain.write(record));
  }

  /** Of the snapshot, whatever was sent for it. */
  get snapshotBytes(): number {
    return this.#sender.bytes;
  }

  /** Why the snapshot travels as it is. */
  get reason(): string | undefined {
    return this.#sender.reason;
  }

  /** Behind a snapshot nothing follows until it is complete. */
  get isFull(): boolean {
    if (this.#plain.isFull || this.#sender.isFull) return true;
    return this.#sender.bytes > 0 && !this.#isInSnapshot && !this.#sender.isComplete;
  }

  write(bytes: Buffer, isSnapshot: boolean, isLast: boolean): void {
    if (!isSnapshot) {
      this.#plain.write(encodeTunnelBytes(bytes));
      return;
    }
    this.#isInSnapshot = !isLast;
    this.#sender.take(bytes);
    if (isLast) this.#sender.end();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** Where the link is full it is drained some time, which is another call. */
  sendDue(maySend: () => boolean): boolean {
    return this.#sender.sendDue(() => !this.#plain.isFull && maySend()) || this.#plain.isFull;
  }

  receive(chunk: Buffer): Buffer[] {
    const said: Buffer[] = [];
    this.#reader.feed(chunk);
    for (let record = this.#reader.next(); record; record = this.#reader.next()) {
      if (record.type === RecordType.tunnelBytes) said.push(recordBody(record));
      else if (record.type === RecordType.snapshotLacks) this.#sender.answered(record);
      else throw new CorruptInput(`record of type ${record.type} on a tunnel`);
    }
    return said;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#isInSnapshot) this.#sender.flush();
  }
}
