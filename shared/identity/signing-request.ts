// PKCS #10 signing requests (RFC 2986) with ECDSA on P-256: how they are made and what of them is believed.
//
//   request = SEQ { info = SEQ { version, subject, public key, [0] attributes }, algorithm, signature over info }
//
// Written here instead of taken from a library, since the shape is fixed and a library for all of X.509 costs a
// node 16 MB of memory for one call a week (measured with @peculiar/x509 2.2 on Node 20).

import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { AppError } from '../runtime/errors.ts';
import { bitString, der, explicit, oid, readDer, sequence, TAG, toPem, unsignedInteger } from './der.ts';

/** Longest signing request that is read, in characters; a longer one is refused. Ours has about 400. */
const MAX_REQUEST_CHARS = 16_384;

/** `ecdsa-with-SHA256` (RFC 5758), the one signature algorithm of a fleet. */
export const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

const COMMON_NAME = oid('2.5.4.3');
const PEM = /^-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*$/;

/** A distinguished name of a common name alone. */
export function commonName(text: string): Buffer {
  return sequence(der(TAG.set, sequence(COMMON_NAME, der(TAG.utf8String, Buffer.from(text, 'utf8')))));
}

/** A signing request as PEM. The authority takes nothing but the public key from it. @param key private, P-256. */
export function makeSigningRequest(key: KeyObject): string {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const info = sequence(unsignedInteger(Buffer.from([0])), commonName('shoal'), publicKey, explicit(0));
  const signature = sign('sha256', info, key);
  return toPem('CERTIFICATE REQUEST', sequence(info, ECDSA_WITH_SHA256, bitString(signature)));
}

/**
 * The public key of a signing request, once its signature proved that the sender holds the private key.
 * @returns a P-256 key; names and attributes in the request are not looked at.
 * @throws {AppError} `message_invalid` for anything else.
 */
export function publicKeyOfRequest(pem: string): KeyObject {
  const [, base64] = pem.length <= MAX_REQUEST_CHARS ? (PEM.exec(pem) ?? []) : [];
  if (base64 === undefined) throw refused('not a PEM signing request');
  const [request, surplus] = readDer(Buffer.from(base64, 'base64'));
  if (request?.tag !== TAG.sequence || surplus !== undefined) throw refused('not one DER sequence');
  const [info, algorithm, signature, more] = readDer(request.contents);
  if (info?.tag !== TAG.sequence || algorithm === undefined || signature === undefined || more !== undefined) {
    throw refused('not a PKCS #10 request');
  }
  if (!algorithm.whole.equals(ECDSA_WITH_SHA256)) throw refused('not signed with ECDSA and SHA-256');
  if (signature.tag !== TAG.bitString || signature.contents[0] !== 0) throw refused('signature is malformed');
  const [, , publicKey] = readDer(info.contents);
  if (publicKey?.tag !== TAG.sequence) throw refused('no public key');
  return checkedKey(publicKey.whole, info.whole, signature.contents.subarray(1));
}

function checkedKey(publicKey: Buffer, signed: Buffer, signature: Buffer): KeyObject {
  let key: KeyObject;
  let isSigned: boolean;
  try {
    key = createPublicKey({ key: publicKey, type: 'spki', format: 'der' });
    if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
      throw refused('key is not on the curve P-256');
    }
    isSigned = verify('sha256', signed, key, signature);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('message_invalid', 'signing request refused: key is malformed', { cause: error });
  }
  if (!isSigned) throw refused('signature does not match its key');
  return key;
}

function refused(why: string): AppError {
  return new AppError('message_invalid', `signing request refused: ${why}`);
}
