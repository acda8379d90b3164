import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import {
  type CertificateFiles,
  certificateRequest,
  GroupAuthority,
  newKey,
  requestFingerprint,
} from './authority.ts';

describe('GroupAuthority', () => {
  let dir = '';
  let authority: GroupAuthority;
  let east: CertificateFiles;
  let west: CertificateFiles;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-authority-'));
    authority = await GroupAuthority.create(join(dir, 'one'), 'group-one');
    east = await authority.issue('eastus');
    west = await authority.issue('westeurope');
  });
  after(() => rmSync(dir, { recursive: true }));

  test('a region certificate names the region and is signed by the authority', () => {
    const certificate = new X509Certificate(readFileSync(east.certFile));
    const ca = new X509Certificate(readFileSync(east.caFile));
    assert.equal(certificate.subject, 'CN=eastus');
    assert.equal(certificate.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1');
    assert.ok(certificate.verify(ca.publicKey));
    assert.ok(ca.ca);
    assert.ok(!certificate.ca);
  });

  test('nobody else may read what it writes', () => {
    for (const file of [east.caFile, east.certFile, east.keyFile, join(dir, 'one', 'ca.key')]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
  });

  test('an authority opened again issues certificates of the same group', async () => {
    const again = await GroupAuthority.open(join(dir, 'one'));
    const japan = await again.issue('japaneast');
    assert.equal(await handshake(east, japan), 'CN=japaneast');
  });

  test('two regions of a group recognise each other', async () => {
    assert.equal(await handshake(east, west), 'CN=westeurope');
  });

  test('a certificate of another group is refused', async () => {
    const other = await GroupAuthority.create(join(dir, 'two'), 'group-two');
    const stranger = await other.issue('westeurope');
    await assert.rejects(handshake(east, stranger));
  });
});

/** Mutual TLS on loopback; resolves to the client's name as the server saw it. */
async function handshake(server: CertificateFiles, client: CertificateFiles): Promise<string> {
  const listener = tls.createServer({ ...read(server), requestCert: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      listener.on('tlsClientError', reject);
      listener.on('secureConnection', (socket) => {
        resolve(`CN=${socket.getPeerCertificate().subject.CN}`);
        socket.destroy();
      });
      listener.listen(0, '127.0.0.1', () => {
        const address = listener.address();
        if (address === null || typeof address === 'string') throw new Error('no port');
        const socket = tls.connect({ ...read(client), port: address.port, host: '127.0.0.1' });
        socket.on('error', reject);
      });
    });
  } finally {
    listener.close();
  }
}

function read(files: CertificateFiles) {
  return {
    ca: readFileSync(files.caFile),
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  };
}

test('a key that was made elsewhere is certified without being seen', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-sign-'));
  try {
    const authority = await GroupAuthority.create(dir, 'a group');
    const key = await newKey();
    const request = await certificateRequest(key);
    const hosts = { names: ['h1.host.atoll'], addresses: ['127.0.0.2'] };
    const certificate = new X509Certificate(await authority.sign(request, 'host h1', hosts));
    assert.equal(certificate.subject, 'CN=host h1');
    assert.equal(certificate.checkHost('h1.host.atoll'), 'h1.host.atoll');
    assert.ok(certificate.checkPrivateKey(createPrivateKey(key)));
    assert.ok(certificate.verify(new X509Certificate(authority.pem).publicKey));
    assert.equal(requestFingerprint(request), requestFingerprint(await certificateRequest(key)));
    const other = await certificateRequest(await newKey());
    assert.notEqual(requestFingerprint(request), requestFingerprint(other));
    const lines = request.trim().split('\n');
    const spoilt = [...lines.slice(0, -2), lines.at(-2)?.replace(/^./, 'A'), lines.at(-1)];
    await assert.rejects(authority.sign(spoilt.join('\n'), 'x', hosts), /cannot be read/);
    await assert.rejects(authority.sign('nothing', 'x', hosts), /cannot be read/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
