// `http.tls`

import { inOurWords } from '../in-our-words.ts';
import { asSetting, mapped, refused, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

const CLIENT_AUTH: Readonly<Record<string, string>> = {
  'require-and-verify-client-cert': 'verify',
  'verify-client-cert-if-given': 'verify-if-given',
  'require-any-client-cert': 'require',
  'request-client-cert': 'request',
};
const VERSIONS: Readonly<Record<string, string>> = { 'tls1.2': '1.2', 'tls1.3': '1.3' };

/** Cipher suites by Go's names, with OpenSSL's. Those of TLS 1.3 are called the same. */
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
};

export const httpTlsSection: RegistrySection = {
  keys: [
    asSetting('http.tls.certificate', 'text', 'tls.certificate', {
      about: 'A file that is replaced is taken up within 5 s; the original wants a restart.',
    }),
    asSetting('http.tls.key', 'text', 'tls.key'),
    asSetting('http.tls.clientcas', 'list', 'tls.clientAuthorities'),
    mapped('http.tls.clientauth', 'text', ['tls.clientCertificates'], { default: 'require-and-verify-client-cert' }),
    mapped('http.tls.minimumtls', 'text', ['tls.minimumVersion'], {
      default: 'tls1.2',
      about: 'tls1.2 or tls1.3; older ones are an error, as in registry:3.',
    }),
    mapped('http.tls.ciphersuites', 'list', ['tls.ciphers'], { about: "By Go's names. RC4 and 3DES are an error." }),
    refused(
      'http.tls.letsencrypt',
      'not supported; get the certificate with certbot, lego or a proxy, and name its files in http.tls.certificate and http.tls.key: renewed ones are taken up without a restart',
    ),
  ],
  settings: (values, problems) => [
    ...inOurWords(
      values,
      { key: 'http.tls.clientauth', setting: 'tls.clientCertificates', words: CLIENT_AUTH },
      problems,
    ),
    ...inOurWords(values, { key: 'http.tls.minimumtls', setting: 'tls.minimumVersion', words: VERSIONS }, problems),
    ...ciphers(values, problems),
  ],
};

function ciphers(values: RegistryValues, problems: string[]): readonly GivenSetting[] {
  const key = 'http.tls.ciphersuites';
  const names = values.list(key);
  if (names === undefined) return [];
  const source = values.source(key);
  const unknown = names.filter((name) => !Object.hasOwn(CIPHERS, name));
  if (unknown.length > 0) {
    problems.push(
      `${source}: ${unknown.join(', ').slice(0, 200)} cannot be used; write some of ${Object.keys(CIPHERS).join(', ')}`,
    );
  }
  return [{ key: 'tls.ciphers', raw: names.map((name) => CIPHERS[name] ?? name), source }];
}
