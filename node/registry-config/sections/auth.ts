// `auth`

import { asSetting, ignored, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

export const authSection: RegistrySection = {
  keys: [
    {
      key: 'auth',
      kind: 'choice',
      treatment: { type: 'mapped', settings: ['access.scheme'] },
      about: 'none, htpasswd or token.',
    },
    {
      key: 'auth.none',
      kind: 'any',
      treatment: { type: 'mapped', settings: [] },
      about: 'Everybody may do everything.',
    },
    ignored(
      'auth.silly',
      'any',
      'Everybody may do everything, as with the original, which wants no more than any Authorization header. For passwords set auth.htpasswd.',
    ),
    asSetting('auth.htpasswd.realm', 'text', 'access.realm'),
    asSetting('auth.htpasswd.path', 'text', 'access.htpasswd', {
      about:
        'bcrypt alone, as in the original. A file that is not there is an error: no user is made up. For anonymous pulls see docs/operations.md.',
    }),
    asSetting('auth.token.realm', 'text', 'access.tokenUrl'),
    asSetting('auth.token.service', 'text', 'access.service'),
    asSetting('auth.token.issuer', 'text', 'access.tokenIssuer'),
    asSetting('auth.token.rootcertbundle', 'text', 'access.tokenCertificates'),
    asSetting('auth.token.jwks', 'text', 'access.tokenKeys'),
    {
      key: 'auth.token.autoredirect',
      kind: 'switch',
      default: 'false',
      treatment: { type: 'mapped', settings: ['access.tokenPath'] },
      about: 'The token URL is then on the host that the client asked.',
    },
    {
      key: 'auth.token.autoredirectpath',
      kind: 'text',
      default: '/auth/token',
      treatment: { type: 'mapped', settings: ['access.tokenPath'] },
      about: 'Counts when auth.token.autoredirect is true.',
    },
    asSetting('auth.token.signingalgorithms', 'list', 'access.tokenAlgorithms'),
  ],
  // A scheme that is named without what it needs must not end in a registry that is open.
  settings: (values, problems) => {
    if (values.has('auth.htpasswd')) return htpasswd(values, problems);
    return values.has('auth.token') ? token(values, problems) : [];
  },
};

function htpasswd(values: RegistryValues, problems: string[]): readonly GivenSetting[] {
  needed(values, problems, ['auth.htpasswd.realm', 'auth.htpasswd.path']);
  return [{ key: 'access.scheme', raw: 'basic', source: values.source('auth.htpasswd') }];
}

function token(values: RegistryValues, problems: string[]): readonly GivenSetting[] {
  needed(values, problems, ['auth.token.realm', 'auth.token.service', 'auth.token.issuer']);
  const source = values.source('auth.token');
  const given: GivenSetting[] = [{ key: 'access.scheme', raw: 'external', source }];
  if (values.flag('auth.token.autoredirect') === true)
    given.push({ key: 'access.tokenPath', raw: values.text('auth.token.autoredirectpath') ?? '/auth/token', source });
  return given;
}

function needed(values: RegistryValues, problems: string[], keys: readonly string[]): void {
  for (const key of keys)
    if (!values.has(key)) problems.push(`${key} is missing; the registry would not know who may come in`);
}
