import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Ring } from './ring.ts';

test('holds the last items, in number and in bytes', () => {
  const pushes = fc.array(fc.nat({ max: 120 }), { maxLength: 200 });
  fc.assert(
    fc.property(pushes, fc.nat({ max: 20 }), (sizes, maxItems) => {
      const ring = new Ring<number>(maxItems, 300);
      sizes.forEach((bytes, i) => {
        ring.push(i, bytes);
        const items = ring.newestFirst();
        assert.ok(items.length <= maxItems);
        const held = items.reduce((sum, item) => sum + (sizes[item] as number), 0);
        assert.ok(held <= 300, `${held} bytes`);
        assert.deepEqual([ring.size, ring.bytes], [items.length, held]);
        // The newest ones without a gap, and as many of them as there is room for.
        assert.deepEqual(
          items,
          items.map((_, age) => i - age),
        );
        const next = sizes[i - items.length];
        if (next !== undefined && items.length < maxItems) assert.ok(held + next > 300);
      });
    }),
  );
});
