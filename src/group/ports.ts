// Ports for the processes of a group on this machine.
//
// They are chosen below the range from which the system takes ports for outgoing connections: a
// replicator that is restarted must find its port free, and from that range any connection of any
// process might have taken it in the meantime.

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { OperatorError } from '../base/errors.ts';

const LOOPBACK = '127.0.0.1';
const LOWEST = 10_000;
const DEFAULT_EPHEMERAL = 32_768;
const ATTEMPTS = 2_000;

export interface PortsWanted {
  /** Address on which they are to be free; default: that of loopback. */
  readonly host?: string;
  /** Those below it are kept for others. */
  readonly lowest?: number;
}

/** `count` different ports on which nobody listens now. */
export async function freePorts(
  count: number,
  { host = LOOPBACK, lowest = LOWEST }: PortsWanted = {},
): Promise<number[]> {
  const above = firstEphemeralPort();
  const held = new Map<number, Server>();
  try {
    for (let attempt = 0; held.size < count; attempt++) {
      if (attempt === ATTEMPTS) {
        const message = `no ${count} free ports between ${lowest} and ${above}`;
        throw new OperatorError('NO_FREE_PORTS', message, 'Stop some of the servers running here.');
      }
      const port = lowest + Math.floor(Math.random() * (above - lowest));
      const server = held.has(port) ? null : await listen(port, host);
      if (server !== null) held.set(port, server);
    }
    return [...held.keys()];
  } finally {
    for (const server of held.values()) await new Promise((resolve) => server.close(resolve));
  }
}

/** Throws an OperatorError when somebody listens on one of these ports. */
export async function checkPortsFree(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = await listen(port, LOOPBACK);
    if (server === null) {
      throw new OperatorError(
        'PORT_IN_USE',
        `port ${port} is in use`,
        `Stop the process that listens on port ${port}, or choose other ports.`,
      );
    }
    await new Promise((resolve) => server.close(resolve));
  }
}

function listen(port: number, host: string): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

function firstEphemeralPort(): number {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    const first = Number(range.trim().split(/\s+/)[0]);
    return first > LOWEST + 1_000 ? first : DEFAULT_EPHEMERAL;
  } catch {
    return DEFAULT_EPHEMERAL;
  }
}
