// X.509 version 3 certificates of a fleet's authority (RFC 5280), ECDSA on P-256 throughout.
//
//   certificate = SEQ { body, algorithm, signature over body }
//   body        = SEQ { [0] version, serial, algorithm, issuer, validity, subject, public key, [3] extensions }

import { createHash, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  der,
  explicit,
  implicit,
  oid,
  sequence,
  TAG,
  time,
  toPem,
  unsignedInteger,
} from '../../shared/identity/der.ts';
import { commonName, ECDSA_WITH_SHA256 } from '../../shared/identity/signing-request.ts';

/** What one certificate says. */
export interface CertificateContent {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** An authority signs certificates; a member talks TLS, as client and as server. */
  readonly kind: 'authority' | 'member';
  readonly uris: readonly string[];
  /** DNS names and IP addresses, for browsers and curl; our own programs look at the URI. */
  readonly hosts: readonly string[];
}

export interface Issuer {
  readonly name: string;
  /** Private. */
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

const SERIAL_BYTES = 16;
const DNS_NAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

/** Signs a certificate. @returns PEM, and the random serial in hex. */
export function buildCertificate(
  content: CertificateContent,
  issuer: Issuer,
): { readonly pem: string; readonly serial: string } {
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40; // positive and of full length, so that hex and DER agree
  const body = sequence(
    explicit(0, unsignedInteger(Buffer.from([2]))),
    unsignedInteger(serial),
    ECDSA_WITH_SHA256,
    commonName(issuer.name),
    sequence(time(content.notBeforeMs), time(content.notAfterMs)),
    commonName(content.subject),
    content.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions(content, issuer))),
  );
  const signature = sign('sha256', body, issuer.key);
  const pem = toPem('CERTIFICATE', sequence(body, ECDSA_WITH_SHA256, bitString(signature)));
  return { pem, serial: serial.toString('hex') };
}

/** True for what may stand in a certificate as a host: an IP address or a DNS name. */
export function isCertifiableHost(host: string): boolean {
  return isIP(host) !== 0 || DNS_NAME.test(host);
}

function extensions(content: CertificateContent, issuer: Issuer): Buffer[] {
  const list = [
    extension('2.5.29.14', der(TAG.octetString, keyIdentifier(content.publicKey))),
    extension('2.5.29.35', sequence(implicit(0, keyIdentifier(issuer.publicKey)))),
  ];
  if (content.kind === 'authority') {
    list.push(
      criticalExtension(
        '2.5.29.19',
        sequence(der(TAG.boolean, Buffer.from([0xff])), unsignedInteger(Buffer.from([0]))),
      ),
      criticalExtension('2.5.29.15', der(TAG.bitString, Buffer.from([1, 0b0000_0110]))), // keyCertSign, cRLSign
    );
    return list;
  }
  list.push(
    criticalExtension('2.5.29.19', sequence()),
    criticalExtension('2.5.29.15', der(TAG.bitString, Buffer.from([7, 0b1000_0000]))), // digitalSignature
    extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))), // TLS server, TLS client
    extension('2.5.29.17', sequence(...alternativeNames(content))),
  );
  return list;
}

function alternativeNames(content: CertificateContent): Buffer[] {
  return [
    ...content.uris.map((uri) => implicit(6, Buffer.from(uri, 'ascii'))),
    ...content.hosts.map((host) =>
      isIP(host) === 0 ? implicit(2, Buffer.from(host, 'ascii')) : implicit(7, addressBytes(host)),
    ),
  ];
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(TAG.octetString, value));
}

function criticalExtension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(TAG.boolean, Buffer.from([0xff])), der(TAG.octetString, value));
}

/** RFC 5280, 4.2.1.2, allows any stable hash of the key; this is the first 20 bytes of SHA-256 (RFC 7093). */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

/** The 4 or 16 bytes of a checked IP address. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes every IPv6 address, also one with a dotted tail, as groups of hex digits.
  const groups = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = groups.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const words = [...before, ...middle, ...after].map((group) => Number.parseInt(group, 16));
  return Buffer.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}
