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
  /**
   * `isSnapshot`: the bytes belong to one; `isLast`: it ends with them. They stay as they are until
   * `onTaken`, which may be called at once.
   */
  write(bytes: Buffer, kind: { isSnapshot: boolean; isLast: boolean }, onTaken: () => void): void;
  /** Sends what the newcomer has asked for, while `maySend`. False: it is to be called again. */
  sendDue(maySend: () => boolean): boolean;
  /** What came from the newcomer; returns what its engine says. Throws CorruptInput. */
  receive(chunk: Buffer): Buffer[];
  close(): void;
}

/** One piece at a time, and as it is: what is handed over meanwhile would be copied. */
export class PlainOutlet implements Outlet {
  readonly isDelta = false;
  readonly #link: Socket;
  readonly #onSent: (bytes: number) => void;
  #isWriting = false;

  /** `onSent` is told how many bytes are on their way. */
  constructor(link: Socket, onSent: (bytes: number) => void) {
    this.#link = link;
    this.#onSent = onSent;
  }

  get isFull(): boolean {
    return this.#isWriting;
  }

  write(bytes: Buffer, _kind: unknown, onTaken: () => void): void {
    this.#isWriting = true;
    this.#onSent(bytes.length);
    this.#link.write(bytes, (error) => {
      this.#isWriting = false;
      // Its close follows.
      if (!error) onTaken();
    });
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
  readonly #link: Socket;
  readonly #writer: TurnWriter;
  readonly #onSent: (bytes: number) => void;
  readonly #sender: DeltaSender;
  readonly #reader = new RecordReader();
  #isInSnapshot = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(link: Socket, salt: Buffer, onSent: (bytes: number) => void) {
    this.#link = link;
    this.#writer = new TurnWriter(link);
    this.#onSent = onSent;
    this.#sender = new DeltaSender(salt, (record) => this.#send(record));
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
    if (this.#isLinkFull || this.#sender.isFull) return true;
    return this.#sender.bytes > 0 && !this.#isInSnapshot && !this.#sender.isComplete;
  }

  write(
    bytes: Buffer,
    { isSnapshot, isLast }: { isSnapshot: boolean; isLast: boolean },
    onTaken: () => void,
  ): void {
    if (!isSnapshot) {
      this.#send(encodeTunnelBytes(bytes));
      onTaken();
      return;
    }
    this.#isInSnapshot = !isLast;
    // It keeps parts of it for as long as they may be asked for.
    this.#sender.take(Buffer.from(bytes));
    onTaken();
    if (isLast) this.#sender.end();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** Where the link is full it is drained some time, which is another call. */
  sendDue(maySend: () => boolean): boolean {
    return this.#sender.sendDue(() => !this.#isLinkFull && maySend()) || this.#isLinkFull;
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

  get #isLinkFull(): boolean {
    return this.#link.writableLength >= WAITING_BYTES_MAX;
  }

  #send(record: Buffer): void {
    this.#writer.write(record);
    this.#onSent(record.length);
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#isInSnapshot) this.#sender.flush();
  }
}
