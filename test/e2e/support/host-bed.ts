// Hosts and a control plane in processes of their own, for tests that kill them. Hosts are on addresses of loopback.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { at, type ControlClient } from './control-bed.ts';

const ROOT = join(import.meta.dirname, '../../..');
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning'] as const;
const READY_WITHIN_MS = 15_000;
const POLL_MS = 100;

const greeting = z.object({
  ...{ url: z.string(), subscription: z.string(), caFile: z.string().nullable() },
  owner: z.object({ clientId: z.string(), clientSecret: z.string() }).nullable(),
});
export type Greeting = z.infer<typeof greeting>;

/** A process that says in its first line that it is there. */
export class Child {
  readonly #arguments: readonly string[];
  #process: ChildProcess | null = null;
  #lines: Interface | null = null;

  constructor(script: string, ...args: readonly string[]) {
    this.#arguments = [join(ROOT, script), ...args];
  }

  /** Returns its first line. `more`: further arguments, this once. */
  async start(...more: readonly string[]): Promise<unknown> {
    const [node, ...options] = NODE;
    const child = spawn(node, [...options, ...this.#arguments, ...more], {
      stdio: ['pipe', 'pipe', process.env.HOST_LOG === undefined ? 'ignore' : 'inherit'],
    });
    this.#process = child;
    const lines = createInterface({ input: child.stdout ?? assert.fail('it has an output') });
    this.#lines = lines;
    const gone = once(child, 'exit').then(([code]) => assert.fail(`it ended with ${code}`));
    gone.catch(() => {});
    let text = '';
    const whole = new Promise<unknown>((resolve) => {
      lines.on('line', (line) => {
        text += line;
        // JSON of several lines ends with a brace of its own.
        if (/^}|^{.*}$/.test(line)) resolve(JSON.parse(text));
      });
    });
    const said = z
      .object({})
      .loose()
      .parse(await Promise.race([whole, gone]));
    if ('error' in said) throw new Error(JSON.stringify(said.error));
    return said;
  }

  /** Tells it something, and waits for what it says to that. */
  async tell(line: string): Promise<void> {
    const answer = once(this.#lines ?? assert.fail('it was started'), 'line');
    this.#process?.stdin?.write(`${line}\n`);
    await answer;
  }

  async ended(): Promise<void> {
    const child = this.#process;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      await once(child, 'exit');
    }
  }

  /** Without a word. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

export function controlChild(dir: string, port: number) {
  const child = new Child('test/e2e/support/control-child.ts', dir, String(port));
  return { child, start: async () => greeting.parse(await child.start()) };
}

export interface HostWish {
  readonly dir: string;
  readonly name: string;
  readonly region: string;
  readonly address: string;
  readonly port: number;
}

/** `start` it once with --join and --token. */
export function hostChild({ dir, name, region, address, port }: HostWish): Child {
  return new Child(
    'src/cli/main.ts',
    ...['host', '--data', dir, '--name', name, '--region', region, '--address', address],
    ...['--port', String(port), '--memory', String(4 * 1024 ** 3), '--json'],
  );
}

/** Until the control plane says so of this host. */
export async function untilHost(
  client: ControlClient,
  name: string,
  state: 'Ready' | 'Lost',
): Promise<void> {
  await until(`${name} is ${state}`, async () => {
    const { body } = await client.send('GET', `/hosts/${name}?api-version=2024-09-01-preview`);
    return at(body, 'state') === state;
  });
}

/** What throws is not so yet. */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  withinMs: number = READY_WITHIN_MS,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await isSo().catch(() => false))) {
    assert.ok(performance.now() < deadlineMs, what);
    await delay(POLL_MS);
  }
}
