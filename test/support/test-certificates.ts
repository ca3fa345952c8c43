// Certificates for tests, made by openssl as people make them.

import { join } from 'node:path';
import { runCommand } from './run-command.ts';

/** Paths of PEM files. */
export interface TestCertificate {
  readonly certificate: string;
  readonly key: string;
}

/**
 * A self-signed certificate, which is its own authority. @param options.names as in subjectAltName: `DNS:registry.example`,
 * `IP:10.0.0.1`. @param options.days below zero for one that has expired.
 */
export async function makeCertificate(
  folder: string,
  options: { readonly file: string; readonly names: string; readonly commonName?: string },
): Promise<TestCertificate> {
  const { file, names, commonName = file } = options;
  const certificate = join(folder, `${file}.crt`);
  const key = join(folder, `${file}.key`);
  const subject = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=${names}`];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256', '-days', '30'];
  await runCommand(['openssl', 'req', '-x509', ...kind, ...subject, '-keyout', key, '-out', certificate]);
  return { certificate, key };
}
