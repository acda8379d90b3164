import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import type { CaptureOptions, StreamPosition } from './capture.ts';
import type { StandbyState } from './standby-state.ts';
import { LOOK_EVERY_MS, StreamSource } from './stream-source.ts';

const ID = 'a'.repeat(40);
const ENGINE_PORT = 1;
const STANDBY_PORT = 2;

/** An engine, a standby and a core, as far as the choice between the two goes. */
class Bed {
  readonly opened: CaptureOptions[] = [];
  readonly closed: number[] = [];
  readonly lost: string[] = [];
  position: StreamPosition | undefined = { replicationId: ID, offset: 100 };
  standby: StandbyState | string = stateAt(100);
  engine: StandbyState | string = stateAt(100);
  isBlocked = false;
  readonly source: StreamSource;
  readonly #test: TestContext;

  constructor(t: TestContext) {
    this.#test = t;
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    this.source = new StreamSource({
      engine: { host: 'h', port: ENGINE_PORT, username: 'u', password: 'p' },
      standby: { host: 'h', port: STANDBY_PORT },
      gatherMs: 1,
      logger: pino({ level: 'silent' }),
      askStandby: async () => this.standby,
      askEngine: async () => this.engine,
      position: () => this.position,
      isBlocked: () => this.isBlocked,
      onStart: () => {},
      onData: () => {},
      onLost: (reason) => this.lost.push(reason),
      open: (options) => this.#open(options),
    });
    t.after(() => this.source.close());
  }

  /** The ports that were captured, in order. */
  get ports(): number[] {
    return this.opened.map(({ port }) => port);
  }

  get last(): CaptureOptions {
    return this.opened.at(-1) ?? assert.fail('nothing was opened');
  }

  /** The last capture begins. */
  begin(): void {
    this.last.onStart(this.last.resume ?? { replicationId: ID, offset: 0 });
  }

  async start(): Promise<void> {
    this.source.start();
    await settled();
    this.begin();
  }

  async pass(ms: number): Promise<void> {
    this.#test.mock.timers.tick(ms);
    await settled();
  }

  #open(options: CaptureOptions) {
    this.opened.push(options);
    return {
      received: 0,
      acknowledge: () => {},
      hurry: () => {},
      pause: () => {},
      resume: () => {},
      close: () => void this.closed.push(options.port),
    };
  }
}

function stateAt(offset: number, change: Partial<StandbyState> = {}): StandbyState {
  return {
    isReplica: true,
    isLinked: true,
    isFilling: false,
    replicationId: ID,
    formerId: '',
    formerEnd: -1,
    offset,
    backlogStart: 1,
    ...change,
  };
}

/** Whatever is answered at once has been taken in. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test('a standby that can go on is captured from the start', async (t) => {
  const bed = new Bed(t);
  bed.engine = stateAt(130);
  await bed.start();
  assert.deepEqual(bed.ports, [STANDBY_PORT]);
  await bed.pass(LOOK_EVERY_MS);
  assert.deepEqual(bed.source.status, {
    source: 'standby',
    standby: { host: 'h', port: STANDBY_PORT, obstacle: null, lagBytes: 30 },
  });
});

test('the very first stream is that of the engine', async (t) => {
  const bed = new Bed(t);
  bed.position = undefined;
  await bed.start();
  assert.deepEqual(bed.ports, [ENGINE_PORT]);
  assert.equal(bed.last.resume, undefined);
});

test('capture goes over to a standby as soon as that can go on, and waits for it', async (t) => {
  const bed = new Bed(t);
  bed.standby = 'it does not answer';
  await bed.start();
  assert.deepEqual(bed.ports, [ENGINE_PORT]);
  assert.equal(bed.source.status.standby?.obstacle, 'it does not answer');
  bed.standby = stateAt(90);
  bed.isBlocked = true;
  await bed.pass(LOOK_EVERY_MS);
  assert.deepEqual(bed.closed, [], 'not while nothing can be taken in');
  bed.isBlocked = false;
  await bed.pass(LOOK_EVERY_MS);
  assert.deepEqual(bed.closed, [ENGINE_PORT], 'what is captured must not go on meanwhile');
  assert.equal(bed.opened.length, 1);
  bed.standby = stateAt(100);
  await bed.pass(5);
  assert.deepEqual(bed.ports, [ENGINE_PORT, STANDBY_PORT]);
  assert.deepEqual(bed.last.resume, bed.position);
});

test('a standby that does not come as far is left alone for a while', async (t) => {
  const bed = new Bed(t);
  bed.standby = stateAt(90, { replicationId: 'x' });
  await bed.start();
  bed.standby = stateAt(90);
  await bed.pass(LOOK_EVERY_MS);
  bed.standby = stateAt(90, { isFilling: true });
  await bed.pass(5);
  assert.deepEqual(bed.ports, [ENGINE_PORT, ENGINE_PORT]);
  bed.begin();
  bed.standby = stateAt(100);
  await bed.pass(LOOK_EVERY_MS);
  assert.deepEqual(bed.ports, [ENGINE_PORT, ENGINE_PORT]);
});

test('a standby that is far behind is not waited for', async (t) => {
  const bed = new Bed(t);
  bed.standby = stateAt(1);
  bed.position = { replicationId: ID, offset: 1e9 };
  await bed.start();
  await bed.pass(LOOK_EVERY_MS);
  assert.deepEqual(bed.closed, []);
});

test('when the standby hangs or has no engine the engine is captured, if it answers', async (t) => {
  for (const state of ['it says nothing', stateAt(100, { isLinked: false })]) {
    const bed = new Bed(t);
    await bed.start();
    bed.standby = state;
    bed.engine = 'it does not answer';
    for (let i = 0; i < 5; i++) await bed.pass(LOOK_EVERY_MS);
    assert.deepEqual(bed.ports, [STANDBY_PORT]);
    bed.engine = stateAt(100);
    for (let i = 0; i < 3; i++) await bed.pass(LOOK_EVERY_MS);
    assert.deepEqual(bed.ports, [STANDBY_PORT, ENGINE_PORT]);
    t.mock.timers.reset();
  }
});

test('a connection that is lost is made again with whichever can go on', async (t) => {
  const bed = new Bed(t);
  await bed.start();
  bed.standby = 'connection refused';
  bed.last.onClose(new Error('gone'));
  assert.equal(bed.source.isOpen, false);
  await bed.pass(200);
  assert.deepEqual(bed.ports, [STANDBY_PORT, ENGINE_PORT]);
});

test('that the engine has lost the stream is told; that the standby has leads to the engine', async (t) => {
  const bed = new Bed(t);
  await bed.start();
  bed.standby = stateAt(100, { replicationId: 'x' });
  bed.last.onLost('gone');
  bed.last.onClose(undefined);
  assert.deepEqual(bed.lost, []);
  await bed.pass(200);
  assert.deepEqual(bed.ports, [STANDBY_PORT, ENGINE_PORT]);
  bed.last.onLost('gone here too');
  assert.deepEqual(bed.lost, ['gone here too']);
});

test('what a capture says that was left is not heard', async (t) => {
  const bed = new Bed(t);
  bed.standby = 'it does not answer';
  await bed.start();
  const [left] = bed.opened;
  bed.standby = stateAt(100);
  await bed.pass(LOOK_EVERY_MS);
  assert.deepEqual(bed.ports, [ENGINE_PORT, STANDBY_PORT]);
  left?.onLost('too late');
  left?.onClose(new Error('too late'));
  await bed.pass(200);
  assert.deepEqual(bed.ports, [ENGINE_PORT, STANDBY_PORT]);
  assert.deepEqual(bed.lost, []);
});
