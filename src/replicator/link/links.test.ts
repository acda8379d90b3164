import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { CorruptInput } from '../../base/errors.ts';
import { encodeRecord, RecordType } from '../../wire/record.ts';
import { makeFrame } from '../log/frames.fixture.ts';
import { Mesh, makeAuthority, until } from './links.fixture.ts';
import { encodeHello, LINK_PROTOCOL } from './messages.ts';

test('frames and acks travel both ways, and links come up once', async (t) => {
  const mesh = await Mesh.start(t, 3);
  const [a, b, c] = mesh.nodes;
  await mesh.allUp();
  for (const node of mesh.nodes) node.write(50);
  await mesh.converged();
  for (const node of mesh.nodes) assert.deepEqual(node.doubles, 0);
  b.links.acknowledge([
    [1, 50],
    [2, 50],
    [3, 50],
  ]);
  await until(() => a.statusOf(b).ackedSeq === 50 && c.statusOf(b).ackedSeq === 50);
  assert.deepEqual(a.acks.get(2)?.at(-1), [
    [1, 50],
    [2, 50],
    [3, 50],
  ]);
  await until(() => a.statusOf(b).roundTripMs !== null);
  const { roundTripMs, clockSkewMs } = a.statusOf(b);
  assert.ok(roundTripMs !== null && roundTripMs >= 0 && roundTripMs < 200);
  assert.ok(clockSkewMs !== null && Math.abs(clockSkewMs) < 100);
  assert.deepEqual(a.ups.toSorted(), [2, 3]);
});

test('acks are paced: a burst becomes few, the last one counts', async (t) => {
  const mesh = await Mesh.start(t, 2);
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  for (let seq = 1; seq <= 500; seq++) {
    b.links.acknowledge([[1, seq]]);
    if (seq % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => a.statusOf(b).ackedSeq === 500);
  assert.ok((a.acks.get(2)?.length ?? 0) < 50);
});

test('after a reset sending resumes without loss or doubles', async (t) => {
  const mesh = await Mesh.start(t, 2, { relayed: true });
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  for (let round = 0; round < 8; round++) {
    a.write(200, 300);
    b.write(200, 300);
    await until(() => b.receivedOf(1) > round * 200);
    mesh.resetAll();
    a.write(20);
  }
  await mesh.converged();
  assert.equal(a.doubles + b.doubles, 0);
  assert.equal(b.receivedOf(1), 8 * 220);
  assert.ok(a.downs > 0);
});

test('a peer that does not read neither bloats the sender nor delays another', async (t) => {
  const mesh = await Mesh.start(t, 3);
  const [a, b, c] = mesh.nodes;
  await mesh.allUp();
  b.links.pause(1);
  for (let i = 0; i < 40; i++) a.write(1, 1_000_000);
  await until(() => c.receivedOf(1) === 40);
  const taken = a.statusOf(b).rawSentBytes;
  // The window, what the kernel takes on both sides, and one frame.
  assert.ok(taken < 25_000_000, `${taken} bytes were taken for a peer that does not read`);
  assert.equal(b.receivedOf(1), 0);
  // The other direction and its acks are not affected.
  b.write(10);
  await until(() => a.receivedOf(2) === 10);
  assert.equal(a.statusOf(b).connected, true);
  b.links.resume(1);
  await mesh.converged();
});

test('pausing in the middle of a batch takes effect at once', async (t) => {
  const mesh = await Mesh.start(t, 2);
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  b.afterFrame = () => b.links.pause(1);
  for (let i = 0; i < 100; i++) a.log.add(1, 1);
  a.links.appended();
  for (let expected = 1; expected <= 100; expected++) {
    await until(() => b.receivedOf(1) === expected);
    b.links.resume(1);
  }
});

test('a cut holds everything back without a reset, and a heal resumes', async (t) => {
  const mesh = await Mesh.start(t, 3);
  const [a, b, c] = mesh.nodes;
  await mesh.allUp();
  a.links.cut([2]);
  b.links.cut([1]);
  assert.equal(a.statusOf(b).cut, true);
  assert.equal(a.statusOf(b).connected, false);
  const before = [a.receivedOf(2), b.receivedOf(1)];
  a.write(100);
  b.write(100);
  await until(() => c.receivedOf(1) === 100 && c.receivedOf(2) === 100);
  assert.deepEqual([a.receivedOf(2), b.receivedOf(1)], before);
  assert.equal(a.links.want(2, 2, 0), false);
  const sockets = mesh.nodes.map((node) => node.downs);
  a.links.heal([2]);
  b.links.heal([1]);
  await mesh.converged();
  assert.equal(a.doubles + b.doubles, 0);
  // Nothing was closed: the cut itself was the only `down`.
  assert.deepEqual(
    mesh.nodes.map((node) => node.downs),
    sockets,
  );
});

test('a cut from within a delivery lets nothing more through', async (t) => {
  const mesh = await Mesh.start(t, 2);
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  b.afterFrame = () => {
    if (b.receivedOf(1) === 10) b.links.cut([1]);
  };
  a.write(100);
  await until(() => b.receivedOf(1) === 10);
  await mesh.turns(20);
  assert.equal(b.receivedOf(1), 10);
  b.links.heal([1]);
  await mesh.converged();
  assert.equal(b.doubles, 0);
});

test('a one-sided cut that outlives the peer’s patience heals too', async (t) => {
  const mesh = await Mesh.start(t, 2, { relayed: true });
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  a.links.cut([2]);
  // The other side gives up, as it would after the longest silence.
  mesh.resetAll();
  b.write(30);
  a.write(30);
  await until(() => b.downs === 1);
  await mesh.turns(20);
  assert.equal(a.receivedOf(2), 0);
  a.links.heal([2]);
  await mesh.allUp();
  await mesh.converged();
  assert.equal(a.doubles + b.doubles, 0);
});

test('a member forwards what it holds of another origin, once per want', async (t) => {
  const mesh = await Mesh.start(t, 3);
  const [a, b, c] = mesh.nodes;
  await mesh.allUp();
  a.links.cut([3]);
  c.links.cut([1]);
  a.write(60);
  await until(() => b.receivedOf(1) === 60);
  assert.equal(c.links.want(2, 1, 20), true);
  await until(() => c.frames.length === 40);
  assert.deepEqual(
    c.frames.map(({ peer, origin, firstSeq }) => [peer, origin, firstSeq]),
    Array.from({ length: 40 }, (_, i) => [2, 1, 21 + i]),
  );
  await mesh.turns(10);
  assert.equal(c.frames.length, 40);
});

test('compressed links carry the same frames in fewer bytes', async (t) => {
  const mesh = await Mesh.start(t, 2, { compression: 3 });
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  for (let i = 0; i < 20; i++) a.log.add(5, 2000);
  a.links.appended();
  await until(() => b.receivedOf(1) === 100);
  const { rawSentBytes, sentBytes } = a.statusOf(b);
  assert.ok(
    rawSentBytes > 200_000 && sentBytes < rawSentBytes / 5,
    `${sentBytes} of ${rawSentBytes}`,
  );
  // A huge frame travels as it is.
  a.write(1, 9_000_000);
  await until(() => b.receivedOf(1) === 101);
});

test('an artificial delay holds for both directions of traffic with that peer', async (t) => {
  const mesh = await Mesh.start(t, 2, { delayMs: 30 });
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  const begunMs = performance.now();
  a.write(1);
  await until(() => b.receivedOf(1) === 1);
  assert.ok(performance.now() - begunMs >= 29);
  await until(() => a.statusOf(b).roundTripMs !== null);
  assert.ok((a.statusOf(b).roundTripMs as number) >= 59);
});

test('a follower that the log has left behind is told so, the link does not go on with a hole', async (t) => {
  const mesh = await Mesh.start(t, 2, { begin: (nodes) => nodes[0]?.log.skip(100) });
  const [a, b] = mesh.nodes;
  a.write(5);
  await until(() => a.statusOf(b).lastError?.includes('join it anew') === true);
  assert.equal(b.frames.length, 0);
});

test('mutual TLS: members of the group link up', async (t) => {
  const authority = await makeAuthority(t);
  const mesh = await Mesh.start(t, 2, { tls: (region) => authority.issue(region) });
  await mesh.allUp();
  for (const node of mesh.nodes) node.write(100, 3000);
  await mesh.converged();
});

test('a certificate of another CA is refused, with the reason on both sides', async (t) => {
  const [ours, theirs] = [await makeAuthority(t), await makeAuthority(t)];
  const mesh = await Mesh.start(t, 2, {
    tls: (region) => (region === 'r1' ? ours : theirs).issue(region),
  });
  const [a, b] = mesh.nodes;
  await until(() => [a, b].every((node) => node.logged('not from the group')));
  assert.equal(a.frames.length + b.frames.length, 0);
  assert.equal(a.statusOf(b).connected, false);
});

test('a certificate of another region is refused, with the reason on both sides', async (t) => {
  const authority = await makeAuthority(t);
  const mesh = await Mesh.start(t, 2, { tls: () => authority.issue('r1') });
  const [a, b] = mesh.nodes;
  await until(() => [a, b].every((node) => node.logged('its certificate is for "r1"')));
});

test('a stranger without a certificate gets a refusal and nothing else', async (t) => {
  const authority = await makeAuthority(t);
  const mesh = await Mesh.start(t, 2, { tls: (region) => authority.issue(region) });
  const tls = await import('node:tls');
  const socket = tls.connect({
    port: mesh.nodes[0].port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
  });
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.equal(answer[12], RecordType.refused);
  socket.destroy();
});

for (const [name, change, text] of [
  ['another group', { group: 'other' }, 'belongs to group'],
  ['another shard', { shard: 1 }, 'serves shard'],
  ['an older epoch', { epoch: 1 }, 'membership epoch 1'],
] as const) {
  test(`${name} is refused, with the reason on both sides`, async (t) => {
    const mesh = await Mesh.start(t, 2, { config: (id) => (id === 2 ? change : { epoch: 2 }) });
    const [a, b] = mesh.nodes;
    await until(() => [a, b].every((node) => node.logged(text)));
    await until(() => a.statusOf(b).lastError?.includes(text) === true);
    assert.equal(a.ups.length + b.ups.length, 0);
  });
}

test('another protocol is refused with a clear message', async (t) => {
  const mesh = await Mesh.start(t, 2);
  const socket = net.connect(mesh.nodes[0].port, '127.0.0.1');
  const hello = {
    protocol: LINK_PROTOCOL + 1,
    group: 'g',
    shard: 0,
    epoch: 1,
    sender: 2,
    target: 1,
    received: [],
    stale: [],
    software: 'x',
  };
  socket.write(encodeHello(hello));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.equal(answer[12], RecordType.refused);
  assert.match(answer.toString(), /run the same Atoll version/);
  await once(socket, 'close');
  assert.ok(mesh.nodes[0].logged('link protocol 2'));
});

test('corrupt input closes that connection and harms no other', async (t) => {
  const mesh = await Mesh.start(t, 2);
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  for (const noise of [
    Buffer.alloc(100, 0xff),
    encodeRecord(RecordType.hello, Buffer.from('{')),
    encodeRecord(RecordType.ops, Buffer.alloc(0)),
    makeFrame(2, 1, 1),
    encodeRecord(RecordType.compressed, Buffer.alloc(20)),
    encodeRecord(99 as 1, Buffer.alloc(3)),
    encodeRecord(RecordType.hello, Buffer.alloc(200_000)).subarray(0, 100_000),
  ]) {
    const socket = net.connect(a.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(noise);
    await once(socket, 'close');
  }
  assert.ok(a.logged('corrupt input'));
  assert.equal(a.downs, 0);
  b.write(10);
  await mesh.converged();
});

test('a frame that the core finds corrupt closes the link, which comes back', async (t) => {
  const mesh = await Mesh.start(t, 2);
  const [a, b] = mesh.nodes;
  await mesh.allUp();
  let thrown = 0;
  b.onFrame = () => {
    if (b.receivedOf(1) === 5 && thrown++ === 0) throw new CorruptInput('no such op');
  };
  a.write(10);
  await mesh.converged();
  assert.ok(b.logged('no such op'));
  await mesh.allUp();
});

test('a port in use is named', async (t) => {
  const mesh = await Mesh.start(t, 2);
  const twin = mesh.twinOf(mesh.nodes[0]);
  await assert.rejects(twin.listen(), {
    code: 'port-in-use',
    message: new RegExp(String(mesh.nodes[0].port)),
  });
  await twin.close();
});

test('plain links beyond loopback are not allowed', async (t) => {
  const mesh = await Mesh.start(t, 2);
  assert.throws(() => mesh.twinOf(mesh.nodes[0], { host: '10.0.0.1' }), { code: 'plain-link' });
});
