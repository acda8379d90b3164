// A control plane in a process of its own, for tests that kill it. Told by lines on standard input where to die:
// "KIND MOMENT", where a moment is `before` or `after` the first step of an operation of that kind, or so many ms
// into it. It says in one line of JSON where it listens.

import { createInterface } from 'node:readline';
import { startPlane } from './control-bed.ts';

const [dir = '', port = '0'] = process.argv.slice(2);
let plan: { kind: string; moment: string } | null = null;

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

const plane = await startPlane(dir, {
  port: Number(port),
  exportDirs: [dir],
  onStep: ({ kind }, _step, moment) => {
    if (plan?.kind !== kind) return;
    if (plan.moment === moment) die();
    else if (moment === 'before' && plan.moment !== 'after') setTimeout(die, Number(plan.moment));
  },
});
createInterface({ input: process.stdin }).on('line', (line) => {
  const [kind = '', moment = ''] = line.split(' ');
  plan = { kind, moment };
  process.stdout.write('armed\n');
});
const { url, subscription, caFile, owner } = plane;
process.stdout.write(`${JSON.stringify({ url, subscription, caFile, owner })}\n`);
