// The control plane is killed at other moments than in test/e2e.

import { testRestarts } from '../e2e/support/control-restarts.ts';

testRestarts([
  {
    ...{ create: '150', join: '1500', import: '150', flush: '10' },
    ...{ unlink: '1000', remove: '1500', removeLast: '50' },
  },
]);
