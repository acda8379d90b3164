// Tunnels over real links: who gets one, and how a log is handed over.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { CorruptInput } from '../../base/errors.ts';
import { encodeRecord, RecordType } from '../../wire/record.ts';
import type { Member, ReplicatorConfig } from '../config.ts';
import { Mesh, makeAuthority, type Node } from '../link/links.fixture.ts';
import { Links } from '../link/links.ts';
import { Transport } from '../link/transport.ts';
import type { TunnelHandler } from '../link/tunnel.ts';
import { temporaryDirectory } from '../log/frames.fixture.ts';
import { receiveLog } from './log-receiver.ts';
import { sendLog } from './log-sender.ts';
import { encodeLogEnd, encodeLogManifest } from './messages.ts';
import { Throttle } from './throttle.ts';
import { openTunnel, TunnelRefused } from './tunnel-client.ts';

const signal = new AbortController().signal;
const MANIFEST = { position: 77, replicationId: 'id', self: 1 };

/** Links of node 1 with a handler of tunnels, in place of the node's own; and how to ask it. */
async function donorWith(
  test: TestContext,
  tunnels: TunnelHandler | undefined,
  tls?: (region: string) => ReturnType<Awaited<ReturnType<typeof makeAuthority>>['issue']>,
) {
  const mesh = await Mesh.start(test, 2, tls === undefined ? {} : { tls });
  const [donor, newcomer] = mesh.nodes;
  await Promise.all(mesh.nodes.map((node) => node.links.close()));
  const links = new Links({
    config: donor.config,
    log: donor.log,
    logger: pino({ level: 'silent' }),
    received: () => 0,
    events: { frame() {}, ack() {}, up() {}, down() {}, refused() {} },
    ...(tunnels === undefined ? {} : { tunnels }),
  });
  await links.listen();
  test.after(() => links.close());
  return { donor, newcomer };
}

function ask(newcomer: Node, change: Partial<ReplicatorConfig> = {}, donor?: Partial<Member>) {
  const config = { ...newcomer.config, ...change };
  const member = { ...(config.members[0] as Member), ...donor };
  const transport = new Transport(config);
  return openTunnel({ config, donor: member, transport, purpose: 'log', signal });
}

const refusal = (code: string) => (error: unknown) =>
  error instanceof TunnelRefused && error.message.includes(`(${code})`);

test('who is refused is told why', async (test) => {
  const { newcomer } = await donorWith(test, { accept: ({ socket }) => socket.destroy() });
  await assert.rejects(ask(newcomer, { group: 'other' }), refusal('group'));
  await assert.rejects(ask(newcomer, { shard: 3 }), refusal('shard'));
  await assert.rejects(ask(newcomer, { epoch: 0 }), refusal('epoch'));
  await assert.rejects(ask(newcomer, { self: 9 }), refusal('unknown-member'));
  await assert.rejects(ask(newcomer, {}, { id: 5 }), refusal('identity'));
  await assert.rejects(ask(newcomer), /closed the connection/);
});

test('without a handler there are no tunnels', async (test) => {
  const { newcomer } = await donorWith(test, undefined);
  await assert.rejects(ask(newcomer), refusal('no-tunnels'));
});

test('the log comes over TLS as it was at the cut', async (test) => {
  const authority = await makeAuthority(test);
  const dir = temporaryDirectory({ after: (done) => test.after(done) });
  const paths = ['000000000001.seg', '000000000002.seg', '000000000003.seg'].map((n) =>
    join(dir, n),
  );
  const sizes = [3_000_000, 0, 12_345];
  paths.forEach((path, i) => {
    // Longer than at the cut: it has grown since.
    writeFileSync(path, Buffer.alloc((sizes[i] as number) + 1000, `content ${i}`));
  });
  let releases = 0;
  const cut = {
    ...MANIFEST,
    files: paths.map((path, i) => ({ path, bytes: sizes[i] as number })),
    release: () => releases++,
  };
  const throttle = new Throttle();
  const accept: TunnelHandler['accept'] = ({ socket, request }) => {
    assert.equal(request.purpose, 'log');
    assert.equal(request.sender, 2);
    socket.resume();
    void sendLog(socket, cut, throttle, () => {}).then(() => socket.end());
  };
  const { newcomer } = await donorWith(test, { accept }, (region) => authority.issue(region));
  const target = join(dir, 'copy');
  const seen: number[] = [];
  const manifest = await receiveLog(await ask(newcomer), target, {
    onManifest: ({ position }) => seen.push(position),
    onBytes: () => {},
  });
  assert.deepEqual(seen, [77]);
  assert.deepEqual(readdirSync(target), ['000000000001.seg', '000000000003.seg']);
  assert.deepEqual(
    manifest.files.map(({ bytes }) => bytes),
    [3_000_000, 12_345],
  );
  for (const [i, path] of paths.entries()) {
    if (sizes[i] === 0) continue;
    const copy = readFileSync(path.replace(dir, target));
    assert.ok(copy.equals(readFileSync(path).subarray(0, sizes[i])));
  }
  assert.equal(releases, 0, 'whoever took the cut releases it');
});

const piece = (bytes: number): Buffer =>
  encodeRecord(RecordType.logPiece, Buffer.alloc(bytes, 'p'));
const announced = encodeLogManifest({ ...MANIFEST, files: [{ name: 'a.seg', bytes: 100 }] });
const BROKEN: Record<string, Buffer[]> = {
  'ends too early': [announced, piece(60)],
  'ends without its end': [announced, piece(100)],
  'is shorter than announced': [announced, piece(60), encodeLogEnd({ files: 1, bytes: 60 })],
  'is longer than announced': [announced, piece(101)],
  'is damaged on its way': [announced, flipped(piece(100))],
  'is something else': [announced, encodeRecord(RecordType.ops, Buffer.alloc(5))],
};
for (const [what, records] of Object.entries(BROKEN)) {
  test(`nothing is left of a log that ${what}`, async (test) => {
    const dir = temporaryDirectory({ after: (done) => test.after(done) });
    mkdirSync(join(dir, 'state'));
    const accept: TunnelHandler['accept'] = ({ socket }) => {
      socket.resume();
      socket.end(Buffer.concat(records));
    };
    const { newcomer } = await donorWith(test, { accept });
    const events = { onManifest() {}, onBytes() {} };
    const receiving = receiveLog(await ask(newcomer), join(dir, 'state', 'log'), events);
    await assert.rejects(receiving, CorruptInput);
    assert.deepEqual(readdirSync(join(dir, 'state')), []);
    assert.ok(!existsSync(join(dir, 'state', 'log')));
  });
}

function flipped(record: Buffer): Buffer {
  record[50] = 0;
  return record;
}
