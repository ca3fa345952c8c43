// The key by which a host is known to the DHT: made from a seed of 32 bytes that never leaves its private file. It says nothing
// about membership by itself; node/swarm/hyperswarm/identity-proof.ts binds it to a certificate.

import { randomBytes } from 'node:crypto';
import type { KeyPair } from 'hyperdht';
import { createPrivateFile, readPrivateFile } from '../identity/private-file.ts';
import { AppError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { HyperswarmPackages } from './load-packages.ts';

const HEX_KEY = /^[0-9a-f]{64}$/;

/** The key pair of this host, whose seed is made when there is none. @throws {AppError} `config_invalid` for a damaged file. */
export async function openNoiseKey(
  deps: { readonly packages: Pick<HyperswarmPackages, 'HyperDHT'>; readonly log: Logger },
  path: string,
): Promise<KeyPair> {
  if ((await readPrivateFile(path, deps.log)) === undefined) {
    await createPrivateFile(path, `${randomBytes(32).toString('hex')}\n`);
  }
  const text = (await readPrivateFile(path, deps.log))?.trim() ?? '';
  if (!HEX_KEY.test(text)) throw new AppError('config_invalid', `${path} is damaged; remove it, a new one is made`);
  return deps.packages.HyperDHT.keyPair(Buffer.from(text, 'hex'));
}

/** A public key as text, 64 hex digits. */
export function noiseKeyText(publicKey: Uint8Array): string {
  return Buffer.from(publicKey).toString('hex');
}
