// A fleet's own certificate authority: one P-256 key in the coordinator's data folder, which signs the certificates
// by which nodes, coordinator and administrators know each other.
//
//   <folder>/authority.pem   private key and certificate of the authority; made once, 20 years
//   <folder>/server.pem      the coordinator's own; made again when due or when its host names change
//   <folder>/admin.pem       for the command line on this host; made again when due
//
// Each file holds key and certificate together, so that one rename changes both. Losing authority.pem means that
// every node must join anew; a copy of it is the fleet.

import { createPrivateKey, generateKeyPairSync, hkdfSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { renewalDueMs } from '../../shared/identity/certificate-life.ts';
import {
  fleetIdOf,
  identityOf,
  identityUri,
  isMemberId,
  type FleetIdentity,
} from '../../shared/identity/certificate-names.ts';
import { fingerprintOf } from '../../shared/identity/join-token.ts';
import { createPrivateFile, readPrivateFile, writePrivateFile } from '../../shared/identity/private-file.ts';
import { publicKeyOfRequest } from '../../shared/identity/signing-request.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, invariant } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { makeFolders } from '../../shared/runtime/make-folders.ts';
import { buildCertificate, isCertifiableHost, type Issuer } from './certificate-builder.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Life of a node's certificate. Short, so that a stolen key is of little use; long enough for a host to be off over a holiday week. */
export const NODE_CERTIFICATE_MS = 7 * DAY_MS;
/** Life of the coordinator's and the administrator's certificates: renewed without anybody's doing, so it only bounds a stolen key. */
const OWN_CERTIFICATE_MS = 90 * DAY_MS;
/** Life of the authority, 20 years. Replacing it means joining every node anew; longer than any host of the fleet lives. */
const AUTHORITY_MS = 20 * 365 * DAY_MS;
/** Certificates start so far in the past, so that a host whose clock is behind accepts them. */
export const BACKDATED_MS = 60 * 60 * 1000;

const ALWAYS_HOSTS = ['localhost', '127.0.0.1', '::1'];

export interface IssuedCertificate {
  readonly certificatePem: string;
  /** In hex. */
  readonly serial: string;
  readonly notAfterMs: number;
}

export interface Authority {
  /** 16 hex digits, from the authority's public key. */
  readonly fleetId: string;
  readonly caCertificatePem: string;
  /** What join tokens pin; see join-token.ts. */
  readonly fingerprint: string;
  /** The coordinator's certificate for `hosts` (DNS names, IP addresses; others are left out) and this host itself. */
  serverTls(hosts: readonly string[]): Promise<TlsMaterial>;
  /** The certificate of administrators on this host. */
  adminTls(): Promise<TlsMaterial>;
  /**
   * Signs a node's key under the id that the caller chose.
   * @throws {AppError} `message_invalid` for a bad signing request.
   */
  issueNodeCertificate(request: { readonly csrPem: string; readonly nodeId: string }): IssuedCertificate;
  /** ECDSA over SHA-256 by the authority's own key. What is signed must not be able to pass for a certificate: let text begin it. */
  sign(bytes: Uint8Array): Buffer;
  /** 32 bytes that only this fleet's coordinator can make, the same at each start, others for each `purpose`. */
  deriveSecret(purpose: string): Buffer;
}

/**
 * Opens the authority in `folder`, or makes a new fleet's when there is none.
 * @throws {AppError} `config_invalid` when the file there is not one.
 */
export async function openAuthority(
  folder: string,
  deps: { readonly clock: Clock; readonly log: Logger },
): Promise<Authority> {
  await makeFolders(folder, 0o700);
  await chmod(folder, 0o700);
  const path = join(folder, 'authority.pem');
  let text = await readPrivateFile(path, deps.log);
  if (text === undefined) {
    // Two processes may start at once: the first file stays, and both read that one.
    const isNew = await createPrivateFile(path, makeAuthority(deps.clock.wallMs()));
    if (isNew) deps.log.info({ path }, 'made the authority of a new fleet; keep a copy of this file in a safe place');
    text = await readPrivateFile(path, deps.log);
  }
  invariant(text !== undefined, 'the authority file was written');
  return new FileAuthority(deps, { folder, ...parseAuthority(text, path) });
}

class FileAuthority implements Authority {
  readonly fleetId: string;
  readonly caCertificatePem: string;
  readonly fingerprint: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #folder: string;
  readonly #certificate: X509Certificate;
  readonly #issuer: Issuer;

  constructor(
    deps: { readonly clock: Clock; readonly log: Logger },
    options: { readonly folder: string; readonly key: KeyObject; readonly certificate: X509Certificate },
  ) {
    const { certificate } = options;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#folder = options.folder;
    this.#certificate = certificate;
    this.fleetId = fleetIdOf(certificate.publicKey);
    this.caCertificatePem = certificate.toString();
    this.fingerprint = fingerprintOf(certificate.raw);
    this.#issuer = { name: authorityName(this.fleetId), key: options.key, publicKey: certificate.publicKey };
  }

  async serverTls(hosts: readonly string[]): Promise<TlsMaterial> {
    const identity: FleetIdentity = { role: 'coordinator', id: 'coordinator', fleetId: this.fleetId };
    const names = [...new Set([...ALWAYS_HOSTS, ...hosts.filter(isCertifiableHost)])];
    return this.#ownTls('server.pem', identity, names);
  }

  async adminTls(): Promise<TlsMaterial> {
    return this.#ownTls('admin.pem', { role: 'admin', id: 'local', fleetId: this.fleetId }, []);
  }

  issueNodeCertificate(request: { readonly csrPem: string; readonly nodeId: string }): IssuedCertificate {
    invariant(isMemberId(request.nodeId), 'a node id is a label');
    const identity: FleetIdentity = { role: 'node', id: request.nodeId, fleetId: this.fleetId };
    return this.#issue({
      identity,
      publicKey: publicKeyOfRequest(request.csrPem),
      lifeMs: NODE_CERTIFICATE_MS,
      hosts: [],
    });
  }

  sign(bytes: Uint8Array): Buffer {
    return sign('sha256', bytes, this.#issuer.key);
  }

  deriveSecret(purpose: string): Buffer {
    const key = this.#issuer.key.export({ type: 'pkcs8', format: 'der' });
    return Buffer.from(hkdfSync('sha256', key, this.fleetId, `shoal ${purpose}`, 32));
  }

  /** The key and certificate of `file` while they are good, else new ones. */
  async #ownTls(file: string, identity: FleetIdentity, hosts: readonly string[]): Promise<TlsMaterial> {
    const path = join(this.#folder, file);
    const text = await readPrivateFile(path, this.#log);
    const kept = text === undefined ? undefined : parseBundle(text);
    if (kept !== undefined && this.#isGood(kept.certificate, identity, hosts)) {
      return {
        key: pemOfKey(kept.key),
        cert: kept.certificate.toString() + this.caCertificatePem,
        ca: this.caCertificatePem,
      };
    }
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { certificatePem, notAfterMs } = this.#issue({ identity, publicKey, lifeMs: OWN_CERTIFICATE_MS, hosts });
    const key = pemOfKey(privateKey);
    await writePrivateFile(path, key + certificatePem);
    this.#log.info({ file, notAfter: new Date(notAfterMs).toISOString() }, 'made a certificate');
    return { key, cert: certificatePem + this.caCertificatePem, ca: this.caCertificatePem };
  }

  #isGood(certificate: X509Certificate, identity: FleetIdentity, hosts: readonly string[]): boolean {
    const found = identityOf(certificate);
    const isOurs =
      certificate.verify(this.#certificate.publicKey) &&
      found !== undefined &&
      identityUri(found) === identityUri(identity);
    if (!isOurs || this.#clock.wallMs() >= renewalDueMs(certificate)) return false;
    return hosts.every((host) => certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined);
  }

  #issue(order: {
    readonly identity: FleetIdentity;
    readonly publicKey: KeyObject;
    readonly lifeMs: number;
    readonly hosts: readonly string[];
  }): IssuedCertificate {
    const nowMs = this.#clock.wallMs();
    const notAfterMs = Math.min(nowMs + order.lifeMs, Date.parse(this.#certificate.validTo));
    const { pem, serial } = buildCertificate(
      {
        subject: order.identity.id,
        publicKey: order.publicKey,
        notBeforeMs: nowMs - BACKDATED_MS,
        notAfterMs,
        kind: 'member',
        uris: [identityUri(order.identity)],
        hosts: order.hosts,
      },
      this.#issuer,
    );
    return { certificatePem: pem, serial, notAfterMs };
  }
}

function makeAuthority(nowMs: number): string {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = authorityName(fleetIdOf(publicKey));
  const { pem } = buildCertificate(
    {
      subject: name,
      publicKey,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + AUTHORITY_MS,
      kind: 'authority',
      uris: [],
      hosts: [],
    },
    { name, key: privateKey, publicKey },
  );
  return pemOfKey(privateKey) + pem;
}

function parseAuthority(
  text: string,
  path: string,
): { readonly key: KeyObject; readonly certificate: X509Certificate } {
  const bundle = parseBundle(text);
  if (bundle !== undefined && bundle.certificate.ca && bundle.certificate.verify(bundle.certificate.publicKey))
    return bundle;
  throw new AppError(
    'config_invalid',
    `${path} does not hold the key and certificate of an authority; restore it from a copy`,
  );
}

/** A private key and its certificate; undefined when the text is not that. */
function parseBundle(text: string): { readonly key: KeyObject; readonly certificate: X509Certificate } | undefined {
  try {
    const key = createPrivateKey(text);
    const certificate = new X509Certificate(text);
    return certificate.checkPrivateKey(key) ? { key, certificate } : undefined;
  } catch {
    return undefined; // OpenSSL says no more than "unsupported"; the caller says what file it is
  }
}

function authorityName(fleetId: string): string {
  return `shoal fleet ${fleetId}`;
}

function pemOfKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
