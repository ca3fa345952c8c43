import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import Type from 'typebox';
import { NodeConfig } from '../../../node/config.ts';
import { loadConfig } from '../../../shared/runtime/config-loader.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { parseSetting, showSetting } from '../../../shared/runtime/setting-value.ts';
import { bytes, count, duration, rate, settingsOf, structure } from '../../../shared/runtime/settings.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const nothing = { flags: {}, environment: {} };

/** The message of a refusal. */
async function messageOf(loading: Promise<unknown>): Promise<string> {
  const error = await loading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(isAppError(error, 'config_invalid'), String(error));
  return error.message;
}

test('Defaults stand where nothing is given', async () => {
  const config = await loadConfig(NodeConfig, nothing);

  assert.equal(config.data, '/var/lib/shoal');
  assert.equal(config.http, '127.0.0.1:5000');
  assert.equal(config.swarm, '0.0.0.0:5110');
  assert.equal(config.origin, undefined);
  assert.equal(config.advertise, undefined);
  assert.equal(config.staleTags, 'serve');
});

test('A flag wins over the environment, the environment over the file, the file over defaults', async () => {
  await using folder = await openTemporaryFolder('config');
  const file = join(folder.path, 'shoal.yml');
  await writeFile(file, 'data: /file\nhttp: 127.0.0.1:1\nstaleTags: refuse\nlog:\n  level: debug\n');

  const config = await loadConfig(NodeConfig, {
    flags: { http: '127.0.0.1:3' },
    environment: { SHOAL_HTTP: '127.0.0.1:2', SHOAL_STALE_TAGS: 'serve', SHOAL_CONFIG: file },
    defaults: { data: '/default', origin: true },
  });

  assert.equal(config.http, '127.0.0.1:3');
  assert.equal(config.staleTags, 'serve');
  assert.equal(config.data, '/file');
  assert.equal(config.log.level, 'debug');
  assert.equal(config.origin, true);
});

test('Everything that is wrong is told at once, with where it stands and what to write', async () => {
  await using folder = await openTemporaryFolder('config');
  const file = join(folder.path, 'shoal.yml');
  await writeFile(file, 'staleTag: serve\nlog: loud\nstore:\n  hashWorkers: many\n');

  const message = await messageOf(
    loadConfig(NodeConfig, {
      flags: { http: 'localhost' },
      environment: { SHOAL_ORIGIN: 'maybe', SHOAL_SWRAM: '0.0.0.0:1' },
      file,
    }),
  );

  assert.equal(
    message,
    [
      '6 settings are wrong:',
      '  SHOAL_SWRAM: there is no such setting; did you mean SHOAL_SWARM?',
      `  staleTag in ${file}: there is no such setting; did you mean staleTags?`,
      `  log in ${file}: write its settings indented below it`,
      '  --http: "localhost" is not right; write host:port, for example 127.0.0.1:5000',
      '  SHOAL_ORIGIN: "maybe" is not right; write true or false',
      `  store.hashWorkers in ${file}: "many" is not right; write a whole number, from 1 to 16`,
    ].join('\n'),
  );
});

test('A secret is never repeated', async () => {
  const message = await messageOf(loadConfig(NodeConfig, { flags: { join: ' ' }, environment: {} }));

  assert.match(message, /--join: this is not right/);
});

test('Within a list or a table it is told which part of it is wrong', () => {
  const shape = Type.Array(Type.Object({ name: Type.String(), url: Type.String() }, { additionalProperties: false }));
  const example = '[{"name":"a","url":"b"}]';
  const [setting] = settingsOf(
    Type.Object({ hooks: structure(shape, { description: 'Hooks.', default: [], example }) }),
  );
  assert.ok(setting !== undefined);
  const problemOf = (raw: unknown): string | undefined => {
    const parsed = parseSetting(setting, raw);
    return parsed.type === 'wrong' ? parsed.problem.split('; ')[1] : undefined;
  };

  assert.equal(problemOf([{ name: 'a', url: 'b' }]), undefined);
  assert.equal(problemOf([{ url: 'b' }]), '[0].name is missing');
  assert.equal(problemOf([{ name: 'a', url: 'b' }, {}]), '[1].name and [1].url are missing');
  assert.equal(problemOf([{ name: 'a', url: 'b', uri: 'c' }]), 'there is no [0].uri');
  assert.equal(problemOf([{ name: 1, url: 'b' }]), '[0].name must be string');
  assert.equal(problemOf({ name: 'a' }), 'must be array');
});

test('Settings of the other program are known in the file and in the environment', async () => {
  await using folder = await openTemporaryFolder('config');
  const file = join(folder.path, 'shoal.yml');
  await writeFile(file, 'durability:\n  copies: 2\n');
  const Other = Type.Object({
    durability: Type.Object({ copies: count({ description: 'Copies.', default: 1, minimum: 1, maximum: 9 }) }),
  });

  const loaded = loadConfig(NodeConfig, {
    flags: {},
    environment: { SHOAL_DURABILITY_COPIES: '3' },
    file,
    alsoKnown: [Other],
  });

  assert.equal((await loaded).http, '127.0.0.1:5000');
  const refused = loadConfig(NodeConfig, { flags: {}, environment: { SHOAL_DURABILITY_COPIES: '3' }, file });
  assert.match(await messageOf(refused), /^2 settings are wrong:/);
});

test('Variables of Kubernetes and of the tests are not ours', async () => {
  const environment = {
    SHOAL_SERVICE_HOST: 'x',
    SHOAL_PORT: 'x',
    SHOAL_PORT_5000_TCP: 'x',
    SHOAL_TEST_RUN: 'x',
    SHOAL_DATA: '',
  };

  const config = await loadConfig(NodeConfig, { flags: {}, environment });

  assert.equal(config.data, '/var/lib/shoal');
});

test('A file that is not YAML, not there, or not settings is told', async () => {
  await using folder = await openTemporaryFolder('config');
  const file = join(folder.path, 'shoal.yml');
  const load = (): Promise<string> => messageOf(loadConfig(NodeConfig, { flags: {}, environment: {}, file }));

  assert.match(await load(), /cannot read the configuration file/);
  await writeFile(file, 'a: [');
  assert.match(await load(), /not valid YAML/);
  await writeFile(file, '- 1');
  assert.match(await load(), /write settings as "name: value"/);
});

test('Durations and sizes are read in the forms that people write', () => {
  const range = { description: 'x', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
  const [time, size, speed] = settingsOf(
    Type.Object({ time: duration(range), size: bytes(range), speed: rate(range) }),
  );
  assert.ok(time !== undefined && size !== undefined && speed !== undefined);
  const read = (setting: typeof time, raw: unknown): unknown => {
    const parsed = parseSetting(setting, raw);
    return parsed.type === 'value' ? parsed.value : undefined;
  };

  const times = ['500ms', '30s', '30 seconds', '1 minute', '1.5h', '7d', '1500', 1500].map((raw) => read(time, raw));
  const sizes = ['512KiB', '1 GiB', '10 GB', '4096', '8 TiB'].map((raw) => read(size, raw));
  const speeds = ['200MB/s', '25 MiB / s', '1Gbit/s', '8 mbit/sec', '100MB', '4096'].map((raw) => read(speed, raw));
  const bad = ['', 's', '-1s', '5 parsecs', '1e3', Number.NaN, 1.5, null, {}].map((raw) => read(time, raw));

  assert.deepEqual(times, [500, 30_000, 30_000, 60_000, 5_400_000, 604_800_000, 1500, 1500]);
  assert.deepEqual(sizes, [524_288, 1024 ** 3, 10 * 1000 ** 3, 4096, 8 * 1024 ** 4]);
  assert.deepEqual(speeds, [200_000_000, 25 * 1024 ** 2, 125_000_000, 1_000_000, 100_000_000, 4096]);
  assert.deepEqual(new Set(bad), new Set([undefined]));
});

test('A number is read back from how it is shown', () => {
  const range = { description: 'x', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
  const settings = settingsOf(
    Type.Object({ time: duration(range), size: bytes(range), number: count(range), speed: rate(range) }),
  );

  fc.assert(
    fc.property(fc.nat(10_000_000), fc.constantFrom(1, 1000, 1024, 60_000, 86_400_000), (base, factor) => {
      for (const setting of settings) {
        const value = base * factor;
        assert.deepEqual(parseSetting(setting, showSetting(setting, value)), { type: 'value', value });
      }
    }),
  );
});

test('Every setting of a node has a flag and a variable of its own and says what it is for', () => {
  const settings = settingsOf(NodeConfig);

  assert.equal(new Set(settings.map(({ flag }) => flag)).size, settings.length);
  assert.equal(new Set(settings.map(({ environment }) => environment)).size, settings.length);
  assert.ok(settings.some(({ flag, environment }) => flag === 'log-level' && environment === 'SHOAL_LOG_LEVEL'));
});
