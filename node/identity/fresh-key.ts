// A new key for a certificate, and the request to sign it.

import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { makeSigningRequest } from '../../shared/identity/signing-request.ts';

/** @returns a private P-256 key as PEM (PKCS #8) and a signing request for it as PEM. */
export async function makeFreshKey(): Promise<{ readonly key: string; readonly csr: string }> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), csr: makeSigningRequest(privateKey) };
}
