// A tunnel whose snapshot comes as a difference, at the newcomer: the conversation of the two engines, packed
// into records on the way to the donor, and made again out of them for the newcomer's engine.

import type { Socket } from 'node:net';
import { TurnWriter } from '../forward.ts';
import type { HeldSnapshot } from './held-snapshot.ts';
import { encodeTunnelBytes } from './messages.ts';
import { DeltaReceiver } from './receiver.ts';

export interface RebuiltOptions {
  readonly engine: Socket;
  readonly donor: Socket;
  readonly held: HeldSnapshot;
  /** Bytes are on their way to the engine. */
  readonly onGiven: (bytes: number) => void;
  /** The snapshot cannot be made. */
  readonly onFailure: (error: Error) => void;
}

/** Connects the two. Ends and errors of the sockets are the caller's, who then closes the receiver. */
export function connectRebuilt(options: RebuiltOptions): DeltaReceiver {
  const { engine, donor, held, onGiven, onFailure } = options;
  const writer = new TurnWriter(engine);
  const receiver = new DeltaReceiver({
    held,
    onFailure,
    answer: (record) => void donor.write(record),
    give: (bytes) => {
      onGiven(bytes.length);
      return writer.write(bytes);
    },
    onEnough: (isEnough) => {
      if (isEnough) donor.pause();
      else donor.resume();
    },
  });
  donor.on('data', (chunk: Buffer) => receiver.receive(chunk));
  donor.on('drain', () => engine.resume());
  engine.on('drain', () => receiver.drained());
  engine.on('data', (chunk: Buffer) => {
    if (!donor.write(encodeTunnelBytes(chunk))) engine.pause();
  });
  return receiver;
}
