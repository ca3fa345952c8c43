// Who this host is in its fleet, kept in one private file: key, certificate, authority, and where the coordinator is.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { renewalDueMs } from '../../shared/identity/certificate-life.ts';
import { fleetIdOf, identityOf } from '../../shared/identity/certificate-names.ts';
import { fingerprintOf } from '../../shared/identity/join-token.ts';
import { readPrivateFile, writePrivateFile } from '../../shared/identity/private-file.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';

const StoredIdentity = Type.Object(
  {
    version: Type.Literal(1),
    /** `host:port`; absent when the coordinator runs in this process. */
    coordinator: Type.Optional(Type.String()),
    /** What the node was told to be last; later starts need not say it again. */
    isOrigin: Type.Optional(Type.Boolean()),
    cert: Type.String(),
    key: Type.String(),
    ca: Type.String(),
  },
  { additionalProperties: false },
);
type StoredIdentity = Readonly<Static<typeof StoredIdentity>>;

/** What the rest of a node needs to know of its identity. */
export interface NodeIdentity {
  readonly nodeId: string;
  readonly fleetId: string;
  /** The certificate of now; ask again for each connection, since it is renewed while the node runs. */
  tls(): TlsMaterial;
  /** Calls `listener` after each renewal, for servers that hold a TLS context. @returns a function that removes it. */
  onChange(listener: (tls: TlsMaterial) => void): () => void;
}

interface Parsed {
  readonly nodeId: string;
  readonly fleetId: string;
  readonly certificate: X509Certificate;
  readonly fingerprint: string;
}

/** A node's identity on disk. */
export class NodeIdentityFile implements NodeIdentity {
  readonly nodeId: string;
  readonly fleetId: string;
  /** The authority's fingerprint, as in join tokens. */
  readonly fingerprint: string;
  readonly #path: string;
  readonly #listeners = new Set<(tls: TlsMaterial) => void>();
  #stored: StoredIdentity;
  #certificate: X509Certificate;

  private constructor(path: string, stored: StoredIdentity, parsed: Parsed) {
    this.nodeId = parsed.nodeId;
    this.fleetId = parsed.fleetId;
    this.fingerprint = parsed.fingerprint;
    this.#path = path;
    this.#stored = stored;
    this.#certificate = parsed.certificate;
  }

  /** Reads the identity at `path`. @returns undefined when this host has none. @throws {AppError} `config_invalid` */
  static async open(deps: { readonly log: Logger }, path: string): Promise<NodeIdentityFile | undefined> {
    const text = await readPrivateFile(path, deps.log);
    if (text === undefined) return undefined;
    const stored = parseStored(text);
    const parsed = stored === undefined ? undefined : parseMaterial(stored);
    if (stored !== undefined && parsed !== undefined) return new NodeIdentityFile(path, stored, parsed);
    throw new AppError(
      'config_invalid',
      `${path} is damaged; remove it and start the node with a new token: --coordinator HOST:PORT --join TOKEN`,
    );
  }

  /**
   * Writes a new identity, in the place of any that was there.
   * @throws {AppError} `identity_refused` when certificate, key and authority do not belong together.
   */
  static async create(
    path: string,
    identity: TlsMaterial & { readonly coordinator: string | undefined },
  ): Promise<NodeIdentityFile> {
    const { coordinator, cert, key, ca } = identity;
    const stored: StoredIdentity = { version: 1, ...(coordinator === undefined ? {} : { coordinator }), cert, key, ca };
    const parsed = checkedMaterial(stored);
    await write(path, stored);
    return new NodeIdentityFile(path, stored, parsed);
  }

  /** `host:port` of the coordinator; undefined when it runs in this process. */
  get coordinator(): string | undefined {
    return this.#stored.coordinator;
  }

  /** Whether the node was an origin when it last ran; undefined when nobody ever said. */
  get isOrigin(): boolean | undefined {
    return this.#stored.isOrigin;
  }

  /** When the certificate runs out, in milliseconds since 1970. */
  get notAfterMs(): number {
    return Date.parse(this.#certificate.validTo);
  }

  /** When the certificate should be renewed, in milliseconds since 1970. */
  get renewalDueMs(): number {
    return renewalDueMs(this.#certificate);
  }

  tls(): TlsMaterial {
    const { cert, key, ca } = this.#stored;
    return { cert, key, ca };
  }

  onChange(listener: (tls: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps what the node is from now on. */
  async keepRole(role: { readonly isOrigin: boolean }): Promise<void> {
    if (role.isOrigin === this.#stored.isOrigin) return;
    const stored = { ...this.#stored, ...role };
    await write(this.#path, stored);
    this.#stored = stored;
  }

  /** Keeps the coordinator's new address. */
  async moveCoordinator(address: string): Promise<void> {
    const stored = { ...this.#stored, coordinator: address };
    await write(this.#path, stored);
    this.#stored = stored;
  }

  /**
   * Puts a renewed certificate and its key into use: on disk first, then for new connections.
   * @throws {AppError} `identity_refused` when it is not for this node, this key and this authority.
   */
  async renew(renewed: { readonly cert: string; readonly key: string }): Promise<void> {
    const stored = { ...this.#stored, ...renewed };
    const parsed = checkedMaterial(stored);
    if (parsed.nodeId !== this.nodeId || parsed.fleetId !== this.fleetId) {
      throw new AppError('identity_refused', 'the new certificate is for another node');
    }
    await write(this.#path, stored);
    this.#stored = stored;
    this.#certificate = parsed.certificate;
    for (const listener of this.#listeners) listener(this.tls());
  }
}

function parseStored(text: string): StoredIdentity | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Check(StoredIdentity, value) ? value : undefined;
  } catch {
    return undefined; // not JSON is as damaged as another shape
  }
}

function checkedMaterial(material: TlsMaterial): Parsed {
  const parsed = parseMaterial(material);
  if (parsed !== undefined) return parsed;
  throw new AppError(
    'identity_refused',
    'the coordinator sent a certificate that does not fit the key or the authority',
  );
}

/** @returns undefined when the certificate is not the authority's, not for the key, or names no node. */
function parseMaterial(material: TlsMaterial): Parsed | undefined {
  try {
    const certificate = new X509Certificate(material.cert);
    const authority = new X509Certificate(material.ca);
    const identity = identityOf(certificate);
    const fleetId = fleetIdOf(authority.publicKey);
    const isOurs = identity?.role === 'node' && identity.fleetId === fleetId && certificate.verify(authority.publicKey);
    if (!isOurs || !certificate.checkPrivateKey(createPrivateKey(material.key))) return undefined;
    return { nodeId: identity.id, fleetId, certificate, fingerprint: fingerprintOf(authority.raw) };
  } catch {
    return undefined; // OpenSSL could not read one of them
  }
}

async function write(path: string, stored: StoredIdentity): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(stored, undefined, 2)}\n`);
}
