// TLS of the registry's port: certificates on disk, real handshakes, a clock that the test moves.

import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type ConnectionOptions } from 'node:tls';
import { RegistryTls, type RegistryTlsOptions } from '../../../node/tls/registry-tls.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { needs } from '../../support/needs.ts';
import { RawConnection } from '../../support/raw-connection.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import { runCommand } from '../../support/run-command.ts';
import { openTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { makeCertificate, type TestCertificate } from '../../support/test-certificates.ts';

interface Listening extends AsyncDisposable {
  readonly port: number;
  readonly clock: FakeClock;
  readonly told: readonly string[];
}

const others = {
  minimumVersion: '1.2',
  ciphers: [],
  clientAuthorities: [],
  clientCertificates: 'verify',
} as const;

async function listen(options: TestCertificate & Partial<RegistryTlsOptions>): Promise<Listening> {
  const clock = new FakeClock({ wallMs: Date.now() });
  const told: string[] = [];
  const tell = (_: object, message: string): void => void told.push(message);
  const log: Logger = { ...silentLogger, warn: tell, error: tell, info: tell };
  const tls = await RegistryTls.open({ clock, log }, { ...others, ...options });
  const server = tls.makeServer((_, response) => response.end('hello'), {
    maxHeaderSize: 8192,
    keepAliveTimeout: 1000,
    requestTimeout: 0,
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    clock,
    told,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await tls[Symbol.asyncDispose]();
    },
  };
}

/** The common name that the server shows, and the first line of its answer. @throws when the handshake or the request fails. */
async function ask(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ readonly name: string; readonly answer: string }> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'registry.example',
    rejectUnauthorized: false,
    ...options,
  });
  try {
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const name = String(socket.getPeerCertificate().subject.CN);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    return { name, answer: Buffer.concat(chunks).toString().split('\r\n')[0] ?? '' };
  } finally {
    socket.destroy();
  }
}

describe('TLS of the registry port', needs({ commands: ['openssl'] }), () => {
  let folder: TemporaryFolder;
  let first: TestCertificate;
  let second: TestCertificate;

  before(async () => {
    folder = await openTemporaryFolder('tls');
    first = await makeCertificate(folder.path, { file: 'first', names: 'DNS:registry.example,IP:127.0.0.1' });
    second = await makeCertificate(folder.path, { file: 'second', names: 'DNS:registry.example' });
  });

  after(async () => folder[Symbol.asyncDispose]());

  test('A client that trusts the certificate is served, by name and by address', async () => {
    await using listening = await listen(first);
    const ca = await readFile(first.certificate);

    const byName = await ask(listening.port, { ca, rejectUnauthorized: true });
    const byAddress = await ask(listening.port, { ca, rejectUnauthorized: true, servername: '' });

    assert.deepEqual([byName.answer, byAddress.answer], ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
  });

  test('A replaced certificate is taken up, and a broken one leaves the old one in use', async () => {
    const used = { certificate: join(folder.path, 'used.crt'), key: join(folder.path, 'used.key') };
    await copyFile(first.certificate, used.certificate);
    await copyFile(first.key, used.key);
    await using listening = await listen(used);
    const look = async (until: string): Promise<void> => {
      await listening.clock.advance(5_000);
      await eventually({ what: until }, () => listening.told.includes(until));
      await eventually({ what: 'the next look' }, () => listening.clock.pendingCount > 0);
    };

    await copyFile(second.certificate, used.certificate); // its key is still the old one
    await look('the new certificate cannot be used; the one before it stays in use');
    assert.equal((await ask(listening.port)).name, 'first');

    await copyFile(second.key, used.key);
    await look('took up a new certificate');
    assert.equal((await ask(listening.port)).name, 'second');

    await writeFile(used.certificate, 'nonsense');
    await listening.clock.advance(5_000);
    await eventually({ what: 'the refusal' }, () => listening.told.length === 4);
    assert.equal((await ask(listening.port)).name, 'second');
  });

  test('Files that cannot be used are told with what is wrong', async () => {
    const nothing = join(folder.path, 'nothing');
    await writeFile(nothing, '');
    const locked = join(folder.path, 'locked.key');
    await runCommand(['openssl', 'pkey', '-aes128', '-passout', 'pass:word', '-in', first.key, '-out', locked]);
    const cases: readonly (readonly [Parameters<typeof listen>[0], RegExp])[] = [
      [{ ...first, key: second.key }, /tls\.key: .* is not the key of /],
      [{ ...first, certificate: join(folder.path, 'absent') }, /tls\.certificate: the file cannot be read: ENOENT/],
      [{ ...first, certificate: nothing }, /is no certificate; it must hold PEM text/],
      [{ ...first, key: nothing }, /tls\.key: .*nothing is no key; it must hold PEM text/],
      [{ ...first, key: locked }, /tls\.key: .*locked\.key is locked with a passphrase.*openssl pkey -in/],
      [{ ...first, clientAuthorities: [nothing] }, /tls\.clientAuthorities: .*nothing is no certificate/],
      [{ ...first, ciphers: ['RC4-FOR-EVER'] }, /tls\.ciphers: OpenSSL knows none of RC4-FOR-EVER|cannot be used/],
    ];

    for (const [options, expected] of cases) {
      await assert.rejects(
        listen(options),
        (error) => isAppError(error, 'config_invalid') && expected.test(error.message),
      );
    }
  });

  test('Older TLS and other ciphers than those allowed are refused', async () => {
    await using strict = await listen({ ...first, minimumVersion: '1.3' });
    await using chosen = await listen({ ...first, ciphers: ['ECDHE-ECDSA-AES256-GCM-SHA384'] });

    await assert.rejects(ask(strict.port, { maxVersion: 'TLSv1.2' }));
    await assert.rejects(ask(chosen.port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }));
    assert.equal((await ask(chosen.port, { maxVersion: 'TLSv1.2' })).answer, 'HTTP/1.1 200 OK');
    assert.equal((await ask(chosen.port, { minVersion: 'TLSv1.3' })).answer, 'HTTP/1.1 200 OK');
  });

  test('Clients show what certificate is demanded of them', async () => {
    const known = { cert: await readFile(second.certificate), key: await readFile(second.key) };
    const stranger = { cert: await readFile(first.certificate), key: await readFile(first.key) };
    const isServed = async (
      clientCertificates: RegistryTlsOptions['clientCertificates'],
      client: ConnectionOptions,
    ): Promise<boolean> => {
      await using listening = await listen({ ...first, clientAuthorities: [second.certificate], clientCertificates });
      return await ask(listening.port, client).then(
        ({ answer }) => answer === 'HTTP/1.1 200 OK',
        () => false,
      );
    };
    const outcomes: Record<string, readonly boolean[]> = {};
    for (const demanded of ['verify', 'verify-if-given', 'require', 'request'] as const) {
      outcomes[demanded] = [
        await isServed(demanded, known),
        await isServed(demanded, stranger),
        await isServed(demanded, {}),
      ];
    }

    assert.deepEqual(outcomes, {
      verify: [true, false, false],
      'verify-if-given': [true, false, true],
      require: [true, true, false],
      request: [true, true, true],
    });
  });

  test('Plain HTTP to the TLS port is answered at once with what to do', async () => {
    await using listening = await listen(first);
    await using connection = await RawConnection.open(`http://127.0.0.1:${listening.port}`);

    connection.send('GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const answer = await connection.answer();

    assert.equal(answer.status, 400);
    assert.match(answer.body.toString(), /this port speaks HTTPS and got plain HTTP: use https:\/\//);
    assert.ok(listening.told.includes('a client speaks plain HTTP to the TLS port'));
  });

  test('A connection to the TLS port that says nothing is closed', async () => {
    await using listening = await listen(first);
    await using connection = await RawConnection.open(`http://127.0.0.1:${listening.port}`);
    const pending = listening.clock.pendingCount;
    await eventually({ what: 'the deadline' }, () => listening.clock.pendingCount > 1 || pending > 1);

    await listening.clock.advance(10_000);

    assert.equal((await connection.rest()).length, 0);
  });
});

test('TLS to the plain port is answered at once with what to do, and the log tells it', async () => {
  const told: object[] = [];
  const log: Logger = {
    ...silentLogger,
    child: () => log,
    warn: (fields) => void told.push(fields),
    debug: (fields) => void told.push(fields),
  };
  await using registry = await listenRegistry({ log });
  await using connection = await RawConnection.open(registry.baseUrl);

  connection.send(Buffer.from('1603010200010001fc0303', 'hex'));
  const answer = await connection.answer();

  assert.equal(answer.status, 400);
  assert.match(answer.body.toString(), /this port speaks plain HTTP\/1\.1 only, and got TLS: use http:\/\//);
  assert.deepEqual(told, [{ client: '127.0.0.1' }]);
});
