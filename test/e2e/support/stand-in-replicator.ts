// Stands in for the replicator where a test is about the processes around it: it reads the same
// settings, serves the same admin address, and replicates nothing. A member whose log level is
// "fatal" refuses to start.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { replicatorConfigSchema } from '../../../src/replicator/config.ts';
import type { ReplicatorStatus } from '../../../src/replicator/status.ts';

const config = replicatorConfigSchema.parse(JSON.parse(readFileSync(process.argv[3]!, 'utf8')));
if (config.logLevel === 'fatal' && config.self === 2) {
  console.log(JSON.stringify({ level: 60, msg: 'cannot start: told not to' }));
  process.exit(1);
}
const cut = new Set<number>();

createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const all = config.members.map((member) => member.id);
    const peers: number[] = body === '' ? all : (JSON.parse(body).peers ?? all);
    if (request.url === '/links/cut') for (const id of peers) cut.add(id);
    if (request.url === '/links/heal') for (const id of peers) cut.delete(id);
    response.end(JSON.stringify(request.url === '/status' ? status() : {}));
  });
}).listen(config.admin.port, config.admin.host);
process.on('SIGTERM', () => process.exit(0));

function status(): ReplicatorStatus {
  const self = config.members.find((member) => member.id === config.self)!;
  const peers = config.members.filter((member) => member.id !== config.self);
  return {
    id: self.id,
    group: config.group,
    epoch: config.epoch,
    region: self.region,
    engine: { up: true, version: null, host: '127.0.0.1', port: config.engine.port, keys: 0 },
    idle: true,
    capturedOffset: 1e9,
    versionVector: {},
    received: {},
    unlinked: null,
    frontier: {},
    captured: 0,
    applied: 0,
    skipped: 0,
    conflicts: {},
    liveIndex: { keys: 0, ops: 0 },
    logBytes: 0,
    applyRetries: 0,
    applyRaces: 0,
    applyErrors: 0,
    waiting: 0,
    memory: { rssBytes: 0, heapBytes: 0 },
    peers: peers.map(({ id, region }) => ({
      id,
      region,
      connected: !cut.has(id),
      cut: cut.has(id),
      lagMs: null,
      roundTripMs: 2 * (config.link.delayMs[String(id)] ?? 0),
      clockSkewMs: null,
      pendingOps: 0,
      pendingBytes: 0,
      sentBytes: 0,
      receivedBytes: 0,
      lastError: null,
    })),
  };
}
