import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRegistryConfig, type RegistryConfig } from '../../../node/registry-config/read-registry-config.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

/** Reads a file of this text, and variables without their prefix. */
async function read(
  text: string | undefined,
  variables: Readonly<Record<string, string>> = {},
): Promise<RegistryConfig> {
  await using folder = await openTemporaryFolder('registry-config');
  const path = join(folder.path, 'config.yml');
  if (text !== undefined) await writeFile(path, text);
  const environment = Object.fromEntries(Object.entries(variables).map(([name, value]) => [`REGISTRY_${name}`, value]));
  return await readRegistryConfig({ path: text === undefined ? undefined : path, environment });
}

/** What was given for each of our settings; the last wins. */
async function settingsOf(...given: Parameters<typeof read>): Promise<Readonly<Record<string, unknown>>> {
  const { settings } = await read(...given);
  return Object.fromEntries(settings.map(({ key, raw }) => [key, raw]));
}

async function refusalOf(...given: Parameters<typeof read>): Promise<readonly string[]> {
  const error = await read(...given).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(isAppError(error, 'config_invalid'), String(error));
  return error.message
    .split('\n')
    .slice(1)
    .map((line) =>
      line
        .trim()
        .replaceAll(/ in \/\S+config\.yml/g, ' in FILE')
        .replaceAll(/\/\S+config\.yml/g, 'FILE'),
    );
}

test('No login is chosen by none, written as a word, as a name or with nothing set below it', async () => {
  const plain = await settingsOf('version: 0.1\nauth: none\n');

  for (const auth of ['{none: }', '{none: {}}', '{none: ~}']) {
    assert.deepEqual(await settingsOf(`version: 0.1\nauth: ${auth}\n`), plain, auth);
  }
});

test('The login for developers, which lets everybody in, is no login, and that is said', async () => {
  const plain = await read('version: 0.1\nauth: none\n');
  const silly = await read('version: 0.1\nauth: {silly: {realm: test, service: test}}\n');

  assert.deepEqual(silly.settings, plain.settings);
  assert.deepEqual(
    silly.ignored.map(({ key, why }) => [key, /everybody/iu.test(why)]),
    [['auth.silly', true]],
  );
});

test('A configuration of the container becomes our settings', async () => {
  const settings = await settingsOf(`
version: 0.1
log:
  level: debug
  formatter: json
  fields: {service: registry}
storage:
  filesystem:
    rootdirectory: /srv/registry
  delete:
    enabled: yes
  maintenance:
    uploadpurging: {enabled: true, age: 24h, interval: 1h30m, dryrun: true}
    readonly: {enabled: true}
http:
  addr: :5000
  host: https://registry.example
  relativeurls: true
  draintimeout: 60s
  headers:
    X-Content-Type-Options: [nosniff]
    Access-Control-Allow-Origin: ['http://ui.example']
catalog:
  maxentries: 50
`);

  assert.deepEqual(settings, {
    'log.level': 'debug',
    'log.format': 'json',
    data: '/srv/registry/shoal',
    'deletion.blobs': true,
    'deletion.manifests': true,
    'deletion.tags': true,
    'store.uploadPurging': 'dry-run',
    'store.uploadExpiryMs': 86_400_000,
    'store.uploadPurgeMs': 5_400_000,
    'registry.readOnly': true,
    http: '[::]:5000',
    'registry.publicUrl': 'https://registry.example',
    'registry.urls': 'relative',
    drainMs: 60_000,
    'registry.headers': {
      'X-Content-Type-Options': ['nosniff'],
      'Access-Control-Allow-Origin': ['http://ui.example'],
    },
    'registry.maxRepositories': 50,
  });
});

test('Upload purging is set with all of its keys or refused, as in the original, unless it is off', async () => {
  const missing = (key: string): string =>
    `storage.maintenance.uploadpurging.${key} is missing; set it too, or switch purging off with storage.maintenance.uploadpurging.enabled: false`;
  const given = (keys: string): string => `version: 0.1\nstorage: {maintenance: {uploadpurging: {${keys}}}}\n`;
  const whole = 'age: 24h, interval: 1h, dryrun: false';

  assert.deepEqual(await refusalOf(given('enabled: true')), ['age', 'interval', 'dryrun'].map(missing));
  assert.deepEqual(await refusalOf(given('age: 24h')), ['interval', 'dryrun'].map(missing));
  assert.deepEqual(await refusalOf(given('enabled: true, age: 24h, interval: 1h')), [missing('dryrun')]);
  assert.deepEqual(await refusalOf(undefined, { STORAGE_MAINTENANCE_UPLOADPURGING_AGE: '24h' }), [
    missing('interval'),
    missing('dryrun'),
  ]);
  assert.equal((await settingsOf(given(whole)))['store.uploadPurging'], 'on');
  for (const off of ['enabled: false', `enabled: false, ${whole}`])
    assert.equal((await settingsOf(given(off)))['store.uploadPurging'], 'off', off);
});

test('Variables win over the file, in the order of their names, with values as YAML', async () => {
  const settings = await settingsOf(
    'version: 0.1\nstorage: {filesystem: {rootdirectory: /file}}\nhttp: {addr: ":1"}\n',
    {
      STORAGE_DELETE_ENABLED: '"true"',
      STORAGE_FILESYSTEM_ROOTDIRECTORY: '/variable',
      STORAGE: 'filesystem',
      HTTP_ADDR: 'localhost:5001',
      'HTTP_HEADERS_Access-Control-Allow-Origin': '[\'http://ui.example\', "http://b"]',
      'HTTP_HEADERS_X-FRAME-OPTIONS_0': 'DENY',
      CATALOG: '{maxentries: 7}',
    },
  );

  assert.deepEqual(settings, {
    data: '/variable/shoal',
    'deletion.blobs': true,
    'deletion.manifests': true,
    'deletion.tags': true,
    http: 'localhost:5001',
    'registry.headers': {
      'access-control-allow-origin': ['http://ui.example', 'http://b'],
      'x-frame-options': ['DENY'],
    },
    'registry.maxRepositories': 7,
  });
});

test('A variable for a whole section takes the place of what the file says there', async () => {
  const settings = await settingsOf('version: 0.1\nstorage: {s3: {bucket: b}, delete: {enabled: true}}\n', {
    STORAGE: 'filesystem',
  });

  assert.deepEqual(settings, {});
});

test('Settings name the key or the variable that gave them', async () => {
  const { settings } = await read('version: 0.1\ncatalog: {maxentries: 7}\n', {
    HTTP_ADDR: ':1',
    HTTP: '{prefix: /a/}',
  });
  const sources = Object.fromEntries(settings.map(({ key, source }) => [key, source.replace(/ in .*/, ' in FILE')]));

  assert.deepEqual(sources, {
    http: 'REGISTRY_HTTP_ADDR',
    'registry.prefix': 'REGISTRY_HTTP',
    'registry.maxRepositories': 'catalog.maxentries in FILE',
  });
});

test('Everything that is wrong is told at once, with the key or variable that it stands in', async () => {
  const refusal = await refusalOf(
    `
version: 0.2
storage:
  filesystem: {rootdirectory: [a]}
  s3: {secretkey: do-not-show}
  delete: {enable: true}
auth:
  htpasswd: {realm: x, path: /p}
proxy: {username: somebody}
http: 5000
`,
    {
      CATALOG_MAXENTRIES: 'many',
      LOG_LEVEL: 'loud',
      STORAGE_OTHER_BUCKET: 'b',
    },
  );

  assert.deepEqual(refusal, [
    'storage: one at most, and there are filesystem and s3 and other; a variable REGISTRY_STORAGE with one of these names replaces them all',
    'storage.filesystem.rootdirectory in FILE: this is not right; write some text',
    'storage.s3 in FILE: object stores are not supported; use filesystem, and further origins for further copies',
    'storage.delete.enable in FILE: there is no such key; did you mean enabled?',
    'REGISTRY_STORAGE_OTHER_BUCKET: there is no such key',
    'http in FILE: write its keys indented below it',
    'REGISTRY_CATALOG_MAXENTRIES: "many" is not right; write a whole number',
    'version in FILE: write 0.1',
    'REGISTRY_LOG_LEVEL: write one of panic, fatal, error, warn, warning, info, debug, trace',
    'proxy.remoteurl is missing; there is nothing that this is the login of',
  ]);
});

test('What has no effect is told, and so is a variable that names nothing', async () => {
  const { ignored, unknownVariables, settings } = await read(undefined, {
    REDIS_ADDR: 'redis:6379',
    HTTP_SECRET: 'x',
    HTTP_COLOUR: 'blue',
    HTTP_ADDR_X: '1',
    PORT_5000_TCP: 'tcp://10.0.0.1:5000',
    SERVICE_HOST: '10.0.0.1',
    CONFIGURATION_PATH: '/etc/x.yml',
  });

  assert.deepEqual(
    ignored.map(({ source }) => source),
    ['REGISTRY_HTTP_SECRET', 'REGISTRY_REDIS_ADDR'],
  );
  assert.deepEqual(unknownVariables, ['REGISTRY_HTTP_ADDR_X', 'REGISTRY_HTTP_COLOUR']);
  assert.deepEqual(settings, []);
});

test('Lists of groups come from the file and from variables, by the names of the original', async () => {
  const settings = await settingsOf('version: 0.1\nhealth: {tcp: [{addr: "a:1", timeout: 2s}]}\n', {
    HEALTH_FILECHECKERS_0_FILE: '/tmp/out',
    HEALTH_TCP_1_ADDR: 'b:2',
    HEALTH_HTTPCHECKERS: '[{uri: "http://c/", headers: {A: [b]}, threshold: 3}]',
  });

  assert.deepEqual(settings, {
    'health.checks': [
      { type: 'file', file: '/tmp/out' },
      { type: 'http', url: 'http://c/', headers: { A: ['b'] }, threshold: 3 },
      { type: 'tcp', address: 'a:1', timeoutMs: 2000 },
      { type: 'tcp', address: 'b:2' },
    ],
  });
});

test('A second index that leaves a gap is an error, the next one appends', async () => {
  const settings = await settingsOf(undefined, { HTTP_HEADERS_A_0: 'x', HTTP_HEADERS_A_1: 'y' });
  const refusal = await refusalOf(undefined, { HTTP_HEADERS_A_0: 'x', HTTP_HEADERS_A_2: 'y' });

  assert.deepEqual(settings, { 'registry.headers': { a: ['x', 'y'] } });
  assert.deepEqual(refusal, [
    'REGISTRY_HTTP_HEADERS_A_2: there is no item 2: the next one is 1, and variables are taken by name',
  ]);
});

test('Text that is made to exhaust a parser is refused', async () => {
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [index, name] of [...'bcdefgh'].entries()) {
    const before = `*${'abcdefgh'[index]}`;
    laughs.push(`${name}: &${name} [${Array(9).fill(before).join(', ')}]`);
  }
  const texts = [
    laughs.join('\n'),
    '['.repeat(100_000),
    `${'{a: '.repeat(5_000)}x`,
    `${'- '.repeat(50_000)}x`,
    `${'? '.repeat(50_000)}x`,
    Array.from({ length: 2_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    `a: ${'x'.repeat(2 * 1024 * 1024)}`,
  ];

  for (const text of texts) {
    const [problem = ''] = await refusalOf(text);
    assert.match(problem, /FILE: (nested too deep|larger than|not valid YAML)/, text.slice(0, 40));
  }
});

test('Whatever a file and variables hold, they are read or refused with a clear error', async () => {
  const words = [
    'version',
    'storage',
    'http',
    'headers',
    'auth',
    'delete',
    'enabled',
    '__proto__',
    'constructor',
    '0',
    '1',
  ];
  const name = fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 8 }));
  const value = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom('true', '0.1', ':5000', 'filesystem', '', '~', '10s', '999999999999999999h'),
      fc.string({ maxLength: 20 }),
      fc.integer(),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
    ),
  })).tree;
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    value.map((tree) => JSON.stringify(tree)),
  );
  const variable = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('_').toUpperCase());

  await fc.assert(
    fc.asyncProperty(text, fc.dictionary(variable, text, { maxKeys: 4 }), async (file, variables) => {
      try {
        await read(file, variables);
      } catch (error) {
        assert.ok(isAppError(error, 'config_invalid'), error instanceof Error ? error.stack : String(error));
      }
      assert.equal(Object.hasOwn(Object.prototype, 'a'), false);
    }),
    { numRuns: 60 },
  );
});

test('Endpoints of notifications become ours, from a file and from variables', async () => {
  const settings = await settingsOf(`
version: 0.1
notifications:
  events:
    includereferences: true
  endpoints:
    - name: ci
      url: https://ci.example/events
      headers: {Authorization: [Bearer x]}
      timeout: 500ms
      threshold: 5
      backoff: 2s
      ignoredmediatypes: [application/octet-stream]
      ignore:
        mediatypes: [application/x]
        actions: [pull]
    - {name: off, disabled: true, url: https://off.example, timeout: 0, threshold: 0}
`);

  assert.equal(settings['notifications.includeReferences'], true);
  assert.deepEqual(settings['notifications.endpoints'], [
    {
      name: 'ci',
      url: 'https://ci.example/events',
      headers: { Authorization: ['Bearer x'] },
      timeoutMs: 500,
      threshold: 5,
      backoffMs: 2000,
      ignoredMediaTypes: ['application/octet-stream', 'application/x'],
      ignoredActions: ['pull'],
    },
    { name: 'off', url: 'https://off.example', disabled: true },
  ]);
  const variables = {
    NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES: 'true',
    NOTIFICATIONS_ENDPOINTS_0_NAME: 'env',
    NOTIFICATIONS_ENDPOINTS_0_URL: 'http://10.0.0.9/',
    NOTIFICATIONS_ENDPOINTS_0_HEADERS_Authorization: '[Bearer y]',
    NOTIFICATIONS_ENDPOINTS_0_IGNORE_ACTIONS: '[pull, delete]',
  };
  const given = await settingsOf(undefined, variables);
  assert.equal(given['notifications.includeReferences'], true);
  assert.deepEqual(given['notifications.endpoints'], [
    {
      name: 'env',
      url: 'http://10.0.0.9/',
      headers: { authorization: ['Bearer y'] },
      ignoredActions: ['pull', 'delete'],
    },
  ]);
});
