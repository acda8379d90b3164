// The control plane is killed in the middle of its operations and started again. More of it in test/slow.

import { testRestarts } from './support/control-restarts.ts';

testRestarts([
  {
    ...{ create: 'before', join: '400', import: 'after', flush: 'after' },
    ...{ unlink: '300', remove: 'after', removeLast: '200' },
  },
]);
