// Connections that begin as links do and then carry something else: a member that joins asks its donor for
// a tunnel, is judged as if it greeted, and the socket goes to whoever handles tunnels (join/).

import type { Socket } from 'node:net';
import { encodeRefusal, type Refusal, type TunnelRequest } from './messages.ts';

/** How long the other side has to read why it was refused. */
const REFUSED_MS_MAX = 1000;

/** A connection whose request was judged and found right. It is paused and has no listeners. */
export interface Tunnel {
  readonly request: TunnelRequest;
  readonly socket: Socket;
  /** What was read behind the request. */
  readonly rest: Buffer;
}

export interface TunnelHandler {
  /** Owns the socket from here on. */
  accept(tunnel: Tunnel): void;
}

export const NO_TUNNELS: Refusal = {
  code: 'no-tunnels',
  message: 'this replicator opens no tunnels',
  action: 'let the new member join from another member',
};

/** Says why there is no tunnel, and hangs up once that is read. */
export function refuseTunnel(socket: Socket, refusal: Refusal): void {
  const timer = setTimeout(() => socket.destroy(), REFUSED_MS_MAX);
  socket.on('error', () => {});
  socket.once('close', () => clearTimeout(timer));
  // Closing with unread input would reset the connection before our words are read.
  socket.resume();
  socket.end(encodeRefusal(refusal));
}
