import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { issuersFrom } from './issuers.ts';

const dir = mkdtempSync(join(tmpdir(), 'atoll-issuers-'));
after(() => rmSync(dir, { recursive: true }));

test('issuers are named by address and audience, or in a file', async () => {
  const file = join(dir, 'issuers.json');
  const other = { issuer: 'https://b.example', audience: 'x=y', claim: 'email' };
  writeFileSync(file, JSON.stringify([other]));
  assert.deepEqual(await issuersFrom(['https://a.example/t=api://atoll=1', file]), [
    { issuer: 'https://a.example/t', audience: 'api://atoll=1', claim: 'sub' },
    other,
  ]);
  writeFileSync(file, '[');
  await assert.rejects(issuersFrom([file]), { code: 'ISSUER_INVALID' });
  await assert.rejects(issuersFrom(['http://a.example=x']), { code: 'ISSUER_INVALID' });
  await assert.rejects(issuersFrom([join(dir, 'none')]), { code: 'ENOENT' });
});
