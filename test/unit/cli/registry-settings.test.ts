// Messages for those who configured a registry container.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTheirNames } from '../../../node/cli/registry-settings.ts';
import type { RegistryConfig } from '../../../node/registry-config/read-registry-config.ts';
import { AppError } from '../../../shared/runtime/errors.ts';

const config: RegistryConfig = {
  settings: [
    { key: 'http', raw: '127.0.0.1:5000', source: 'REGISTRY_HTTP_ADDR' },
    { key: 'tls.certificate', raw: 'a.pem', source: 'http.tls.certificate in c.yml' },
    { key: 'registry.urls', raw: 'absolute', source: 'http.relativeurls in c.yml' },
  ],
  ignored: [],
  unknownVariables: [],
};

function told(message: string): string {
  const error = withTheirNames(new AppError('config_invalid', message), config);
  return error instanceof Error ? error.message : '';
}

test('A setting that is wrong at the start is told with the key that people wrote', () => {
  assert.equal(
    told('tls.certificate and tls.key go together'),
    'tls.certificate and tls.key go together (tls.certificate is set by http.tls.certificate in c.yml)',
  );
  assert.equal(
    told('the port is taken; choose another with --http'),
    'the port is taken; choose another with --http (--http is set by REGISTRY_HTTP_ADDR)',
  );
});

test('Errors that name no setting, or the key already, and those of other kinds stay as they are', () => {
  const bug = new Error('tls.certificate');

  assert.equal(told('this port speaks http: tls.certificates'), 'this port speaks http: tls.certificates');
  assert.equal(told('REGISTRY_HTTP_ADDR: not for --http'), 'REGISTRY_HTTP_ADDR: not for --http');
  assert.equal(withTheirNames(bug, config), bug);
});
