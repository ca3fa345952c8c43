// What comes from clients and operators: never a throw for the one, a clear error for the other.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAuthorization } from '../../../node/access/credentials.ts';
import { HtpasswdFile, parseHtpasswd, type HtpasswdDeps } from '../../../node/access/htpasswd-file.ts';
import { matchesGlob } from '../../../shared/access/repository-glob.ts';
import { formatScope, parseScopes } from '../../../node/access/scope.ts';
import { covers, parseAccessClaim } from '../../../node/access/token-claims.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('Any header at all is read without an error', () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void parseAuthorization(text)));
  fc.assert(fc.property(fc.base64String(), (text) => void parseAuthorization(`Basic ${text}`)));
});

test('A user and a password come back as they were sent, colons in the password too', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }).filter((user) => !user.includes(':')),
      fc.string({ maxLength: 100, unit: 'grapheme' }),
      (user, password) => {
        assert.deepEqual(parseAuthorization(basic(`${user}:${password}`)), { type: 'basic', user, password });
      },
    ),
  );
});

test('[A-21] An empty user with an empty password counts as no credentials', () => {
  assert.deepEqual(parseAuthorization('Basic Og=='), { type: 'none' });
});

test('Schemes are read in any case, and one that we do not know is malformed', () => {
  assert.deepEqual(parseAuthorization('bEaReR abc.def-_~'), { type: 'bearer', token: 'abc.def-_~' });
  assert.deepEqual(parseAuthorization('Digest username="a"'), { type: 'malformed' });
});

const anyScope = fc.record(
  {
    type: fc.constantFrom('repository', 'registry'),
    name: fc.stringMatching(/^[a-z0-9][a-z0-9./-]{0,30}(:[0-9]{2,4}\/[a-z]{1,9})?$/),
    actions: fc.array(fc.constantFrom('pull', 'push', 'delete', '*'), { minLength: 1, maxLength: 4 }),
  },
  { noNullPrototype: true },
);

test('Scopes come back as they were written, several in one text or each in its own', () => {
  fc.assert(
    fc.property(fc.array(anyScope, { maxLength: 10 }), (scopes) => {
      const texts = scopes.map(formatScope);
      assert.deepEqual(parseScopes(texts), scopes);
      assert.deepEqual(parseScopes([texts.join(' ')]), scopes);
    }),
  );
});

test('Any text is read as scopes without an error, and the class of a type is left out', () => {
  fc.assert(fc.property(fc.array(fc.string({ maxLength: 300 })), (texts) => void parseScopes(texts)));
  assert.deepEqual(parseScopes(['repository(plugin):a/b:pull']), [
    { type: 'repository', name: 'a/b', actions: ['pull'] },
  ]);
});

test('Whatever stands in the access claim of a token, it grants nothing that it does not say', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(
        covers(parseAccessClaim(value), { type: 'repository', repository: 'team/app', allOf: ['pull'] }),
        false,
      );
    }),
  );
});

test('Patterns match as their regular expression would', () => {
  const part = fc.constantFrom('a', 'b', '/', '*', '**', 'ab');
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.stringMatching(/^[ab/]{0,12}$/), (parts, name) => {
      // Three stars in a row are a pair and one more, in both.
      const pattern = parts.join('');
      const expression = pattern.replaceAll(/\*\*|\*/g, (stars) => (stars === '**' ? '.*' : '[^/]*'));
      assert.equal(matchesGlob(pattern, name), new RegExp(`^${expression}$`).test(name), `${pattern} on ${name}`);
    }),
    { numRuns: 500 },
  );
});

test('A pattern of many stars takes no time', () => {
  assert.equal(matchesGlob('**a'.repeat(90), 'a'.repeat(255)), true);
  assert.equal(matchesGlob(`${'**a'.repeat(90)}b`, 'a'.repeat(255)), false);
});

test('An htpasswd file is read line by line, comments and empty lines left out, and a line without a colon is named', () => {
  const file = parseHtpasswd('# users\n\n alice:$2y$05$x \nbob:{SHA}abc\n');
  assert.deepEqual(
    [...file],
    [
      ['alice', '$2y$05$x'],
      ['bob', '{SHA}abc'],
    ],
  );
  assert.throws(() => parseHtpasswd('alice:x\nbob'), /line 2/);
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseHtpasswd(text);
      } catch (error) {
        assert.ok(isAppError(error, 'config_invalid'));
      }
    }),
  );
});

test('An htpasswd file with a wrong line is told without the command that would begin it anew', async () => {
  await using folder = await openTemporaryFolder('htpasswd');
  const path = join(folder.path, 'htpasswd');
  await writeFile(path, 'ci\n');

  await assert.rejects(HtpasswdFile.open(deps(), path), ({ message }: Error) => {
    assert.match(message, /line 1 of the htpasswd file is not of the form NAME:HASH/);
    return !message.includes('htpasswd -B');
  });
});

test('An htpasswd file without a user is told in the log, as nobody can log in', async () => {
  await using folder = await openTemporaryFolder('htpasswd');
  const path = join(folder.path, 'htpasswd');
  const warned: string[] = [];
  await writeFile(path, '# nobody yet\n');

  await HtpasswdFile.open(deps(warned), path);

  assert.match(warned.join(), /holds no user/);
});

function deps(warned: string[] = []): HtpasswdDeps {
  const log = { ...silentLogger, warn: (_: object, message: string): void => void warned.push(message) };
  return { bcrypt: { compare: () => Promise.resolve(false) }, clock: new FakeClock(), log };
}
