// `shoal serve` in the place of the registry container: over real sockets and folders, in the process of the test.

import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { REGISTRY_COMMANDS } from '../../../node/cli/commands.ts';
import { runProgram } from '../../../node/cli/program.ts';
import { EventReceiver } from '../../support/event-receiver.ts';
import { eventually } from '../../support/eventually.ts';
import { findFreePorts } from '../../support/free-ports.ts';
import { basicCredentials, HASH_OF_RIGHT } from '../../support/htpasswd.ts';
import { recordingTerminal } from '../../support/recording-terminal.ts';
import { digestText, emptyManifest, RegistryWire } from '../../support/registry-wire.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

interface Serving extends AsyncDisposable {
  readonly wire: RegistryWire;
  /** storage.filesystem.rootdirectory */
  readonly root: string;
}

/** Starts with these variables, without their prefix. Disposing stops it as a signal would. */
/** @param more variables by their whole names. */
async function serve(
  root: string,
  variables: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, string>> = {},
): Promise<Serving> {
  const [port = 0] = await findFreePorts(1);
  const environment = {
    SHOAL_LOG_LEVEL: 'silent',
    SHOAL_REGISTRY_ACCESS_LOG: 'off', // it would go to the stdout of the test
    REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`,
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: root,
    ...more,
    ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [`REGISTRY_${name}`, value])),
  };
  const terminal = recordingTerminal({ environment });
  const stop = new AbortController();
  const ended = runProgram(REGISTRY_COMMANDS, { name: 'registry', args: ['serve'], terminal, stop: stop.signal });
  const failed = new AbortController();
  void ended.then(() => failed.abort(new Error(terminal.messages)));
  const wire = new RegistryWire(`http://127.0.0.1:${port}`);
  await eventually({ what: 'registry serve', signal: failed.signal }, async () => {
    const { status } = await wire.send('GET', '/readyz');
    return status === 200;
  });
  return {
    wire,
    root,
    async [Symbol.asyncDispose]() {
      stop.abort();
      assert.equal(await ended, 0);
    },
  };
}

async function pushManifest(wire: RegistryWire, tag: string): Promise<number> {
  const config = Buffer.from('{}');
  await wire.send('POST', `/v2/team/app/blobs/uploads/?digest=${digestText(config)}`, { body: config });
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
  const body = JSON.stringify(emptyManifest());
  const { status } = await wire.send('PUT', `/v2/team/app/manifests/${tag}`, { headers, body });
  return status;
}

describe('registry serve', () => {
  test('keeps beside the volume of the original, and finds its own again', async () => {
    await using folder = await openTemporaryFolder('serve');
    const others = join(folder.path, 'docker/registry/v2/repositories');
    await mkdir(others, { recursive: true });
    await writeFile(join(folder.path, 'scheduler-state.json'), '{}');
    {
      await using first = await serve(folder.path);
      assert.equal(await pushManifest(first.wire, 'v1'), 201);
    }

    await using second = await serve(folder.path);
    const { body } = await second.wire.send('GET', '/v2/_catalog');

    assert.deepEqual(JSON.parse(body.toString()), { repositories: ['team/app'] });
    assert.deepEqual((await readdir(folder.path)).sort(), ['docker', 'scheduler-state.json', 'shoal']);
    assert.deepEqual(await readdir(others), []);
  });

  test('refuses a page of the catalog that is too large, as the original does', async () => {
    await using folder = await openTemporaryFolder('serve');
    await using serving = await serve(folder.path, { CATALOG_MAXENTRIES: '2' });

    const [fits, tooLarge, huge] = await Promise.all(
      ['2', '3', '9'.repeat(400)].map((n) => serving.wire.send('GET', `/v2/_catalog?n=${n}`)),
    );

    assert.deepEqual([fits?.status, tooLarge?.status, huge?.status], [200, 400, 400]);
    assert.deepEqual(JSON.parse(tooLarge?.body.toString() ?? ''), {
      errors: [
        {
          code: 'PAGINATION_NUMBER_INVALID',
          message: 'n is above 2, the most that is given at once; ask for fewer, and go on with the Link of the answer',
          detail: { n: '3' },
        },
      ],
    });
  });

  test('answers with links as the original writes them, below a prefix and behind a proxy', async () => {
    await using folder = await openTemporaryFolder('serve');
    await using serving = await serve(folder.path, { HTTP_PREFIX: '/registry/' });
    const headers = { host: 'registry.example', 'x-forwarded-proto': 'https' };

    const opened = await serving.wire.send('POST', '/registry/v2/a/blobs/uploads/', { headers });
    const path = new URL(opened.headers.location ?? '').pathname;
    const pushed = await serving.wire.send('PUT', `${path}?_state=open&digest=${digestText('x')}`, {
      headers,
      body: 'x',
    });

    assert.equal(opened.status, 202);
    assert.match(
      opened.headers.location ?? '',
      /^https:\/\/registry\.example\/registry\/v2\/a\/blobs\/uploads\/[0-9a-f-]{36}\?_state=open$/,
    );
    assert.equal(pushed.status, 201);
    assert.equal(pushed.headers.location, `https://registry.example/registry/v2/a/blobs/${digestText('x')}`);
    assert.equal((await serving.wire.send('GET', '/v2/')).status, 404);
  });

  test('slows down who guesses passwords, also when a new address is claimed with each guess', async () => {
    await using folder = await openTemporaryFolder('serve');
    const htpasswd = join(folder.path, 'htpasswd');
    await writeFile(htpasswd, `alice:${HASH_OF_RIGHT}\n`);
    const auth = { AUTH: 'htpasswd', AUTH_HTPASSWD_REALM: 'here', AUTH_HTPASSWD_PATH: htpasswd };
    const guess = (wire: RegistryWire, index: number): Promise<number> => {
      const authorization = basicCredentials('alice', `guess ${index}`);
      const claimed = { 'x-forwarded-for': `192.0.2.${index % 250}, 198.51.100.${index % 250}` };
      return wire.send('GET', '/v2/', { headers: { authorization, ...claimed } }).then(({ status }) => status);
    };
    /** One after the other: many at once are slowed down for that alone. */
    const guesses = async (wire: RegistryWire, count: number): Promise<readonly number[]> => {
      const statuses: number[] = [];
      for (let index = 0; index < count; index += 1) statuses.push(await guess(wire, index));
      return statuses;
    };

    await using behindProxies = await serve(folder.path, auth);
    const believed = await guesses(behindProxies.wire, 130);
    await behindProxies[Symbol.asyncDispose]();
    await using alone = await serve(folder.path, auth, { SHOAL_REGISTRY_TRUSTED_PROXIES: '203.0.113.1' });
    const notBelieved = await guesses(alone.wire, 20);

    assert.ok(believed.filter((status) => status === 401).length <= 110, believed.join(' '));
    assert.deepEqual(new Set(believed.slice(0, 100)), new Set([401]));
    assert.ok(notBelieved.filter((status) => status === 401).length <= 15, notBelieved.join(' '));
    for (const status of [...believed, ...notBelieved]) assert.ok([401, 429].includes(status), String(status));
    const headers = { authorization: basicCredentials('alice', 'right') };
    assert.notEqual((await alone.wire.send('GET', '/v2/', { headers })).status, 401);
  });

  test('deletes nothing unless it is told to, and nothing changes while it is read-only', async () => {
    await using folder = await openTemporaryFolder('serve');
    {
      await using serving = await serve(folder.path);
      await pushManifest(serving.wire, 'v1');
      const answer = await serving.wire.send('DELETE', '/v2/team/app/manifests/v1');
      assert.equal(answer.status, 405);
      assert.match(answer.body.toString(), /UNSUPPORTED/);
    }
    {
      await using serving = await serve(folder.path, { STORAGE_MAINTENANCE_READONLY: '{enabled: true}' });
      assert.equal((await serving.wire.send('POST', '/v2/team/app/blobs/uploads/')).status, 403);
      assert.equal(await pushManifest(serving.wire, 'v2'), 403);
      assert.equal((await serving.wire.send('GET', '/v2/team/app/manifests/v1')).status, 200);
    }
    await using serving = await serve(folder.path, { STORAGE_DELETE_ENABLED: 'true' });
    assert.equal((await serving.wire.send('DELETE', '/v2/team/app/manifests/v1')).status, 202);
  });

  test('lets the pages in that its headers name, and sends these with every answer', async () => {
    await using folder = await openTemporaryFolder('serve');
    await using serving = await serve(folder.path, {
      'HTTP_HEADERS_Access-Control-Allow-Origin': '[http://ui.example, http://other.example]',
      'HTTP_HEADERS_Access-Control-Allow-Methods': '[HEAD, GET, OPTIONS, DELETE]',
    });
    const send = (method: string, path: string, origin: string): ReturnType<RegistryWire['send']> =>
      serving.wire.send(method, path, { headers: { origin } });

    const asked = await send('OPTIONS', '/v2/_catalog', 'http://ui.example');
    const missing = await send('GET', '/v2/a/manifests/none', 'http://other.example');
    const stranger = await send('GET', '/v2/', 'http://evil.example');

    assert.equal(asked.status, 200);
    assert.equal(asked.headers.allow, 'GET, HEAD, OPTIONS');
    assert.equal(asked.headers['access-control-allow-origin'], 'http://ui.example');
    assert.equal(missing.status, 404);
    assert.equal(missing.headers['access-control-allow-origin'], 'http://other.example');
    assert.equal(stranger.headers['access-control-allow-origin'], undefined);
    for (const answer of [asked, missing, stranger, await serving.wire.send('GET', '/')]) {
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
  });

  test('takes no manifest whose layers name URLs, unless they are allowed', async () => {
    await using folder = await openTemporaryFolder('serve');
    const layer = {
      mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
      digest: digestText('x'),
      size: 1,
    };
    const pushTo = async (wire: RegistryWire): Promise<number> => {
      await pushManifest(wire, 'v1');
      const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
      const body = JSON.stringify(emptyManifest({ layers: [{ ...layer, urls: ['https://cdn.example.com/layer'] }] }));
      return (await wire.send('PUT', '/v2/team/app/manifests/v2', { headers, body })).status;
    };
    {
      await using serving = await serve(folder.path);
      assert.equal(await pushTo(serving.wire), 400);
    }
    await using serving = await serve(folder.path, {
      VALIDATION_MANIFESTS_URLS_ALLOW: String.raw`['^https?://([^/]+\.)*example\.com/']`,
    });
    assert.equal(await pushTo(serving.wire), 201);
  });

  test('tells receivers of pushes and pulls as the original does, with its metrics', async () => {
    await using folder = await openTemporaryFolder('serve');
    await using receiver = await EventReceiver.start();
    const [debug = 0] = await findFreePorts(1);
    await using serving = await serve(folder.path, {
      NOTIFICATIONS_ENDPOINTS_0_NAME: 'ci',
      NOTIFICATIONS_ENDPOINTS_0_URL: receiver.url,
      NOTIFICATIONS_ENDPOINTS_0_IGNOREDMEDIATYPES: '[application/octet-stream]',
      HTTP_DEBUG_ADDR: `127.0.0.1:${debug}`,
      HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
    });

    await pushManifest(serving.wire, 'v1');
    await receiver.until((posts) => posts.length === 1);
    // Whether pulls are wanted a node learns a moment after its start.
    await eventually({ what: 'a pull to be told' }, async () => {
      await serving.wire.send('GET', '/v2/team/app/manifests/v1', { headers: { 'user-agent': 'curl/8' } });
      return receiver.events.some(({ action }) => action === 'pull');
    });
    const metrics = await new RegistryWire(`http://127.0.0.1:${debug}`).send('GET', '/metrics');

    const [pushed, pulled] = receiver.events;
    assert.deepEqual([pushed?.action, pushed?.target.repository, pushed?.target.tag], ['push', 'team/app', 'v1']);
    assert.equal(pushed?.target.url, `${serving.wire.baseUrl}/v2/team/app/manifests/${pushed?.target.digest}`);
    assert.deepEqual(
      [pulled?.target.tag, pulled?.target.digest, pulled?.request.method, pulled?.request.useragent],
      ['v1', pushed?.target.digest, 'GET', 'curl/8'],
    );
    assert.match(metrics.body.toString(), /^registry_notifications_status_total\{code="200 OK",endpoint="ci"\} \d+$/m);
    assert.match(
      metrics.body.toString(),
      /^registry_notifications_events_total\{type="Successes",endpoint="ci"\} \d+$/m,
    );
  });

  test('says what is wrong with an endpoint, without its secrets', async () => {
    const environment = {
      SHOAL_NOTIFICATIONS_ENDPOINTS:
        '[{"name":"a","url":"http://x","headers":{"Authorization":["Bearer s3cret"]},"nonsense":1}]',
      SHOAL_DATA: '/nonexistent',
    };
    const terminal = recordingTerminal({ environment });
    const { signal } = new AbortController();

    const code = await runProgram(REGISTRY_COMMANDS, { name: 'registry', args: ['serve'], terminal, stop: signal });

    assert.equal(code, 2);
    assert.match(terminal.messages, /SHOAL_NOTIFICATIONS_ENDPOINTS: this is not right; there is no \[0\]\.nonsense/);
    assert.doesNotMatch(terminal.messages, /s3cret/);
  });

  test('says what is wrong with a configuration, and does not start', async () => {
    const terminal = recordingTerminal({ environment: { REGISTRY_STORAGE: 's3', REGISTRY_HTTP_ADDR: 'nowhere' } });

    const code = await runProgram(REGISTRY_COMMANDS, {
      name: 'registry',
      args: ['serve'],
      terminal,
      stop: new AbortController().signal,
    });

    assert.equal(code, 2);
    assert.match(
      terminal.messages,
      /^registry: a setting is wrong:\n {2}REGISTRY_STORAGE: object stores are not supported/,
    );
  });
});
