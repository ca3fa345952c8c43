// Who may do what at the coordinator, decided here alone, from the client certificate of the connection.

import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { identityOf, type FleetIdentity } from '../../shared/identity/certificate-names.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/**
 * A node may renew with a certificate that ran out at most so long ago: a host comes back from repair within a quarter,
 * and a key on a disk that was sold should not open a fleet for ever.
 */
const RENEW_EXPIRED_WITHIN_MS = 90 * 24 * 60 * 60 * 1000;

export class Access {
  readonly #clock: Clock;
  readonly #database: FleetDatabase;
  readonly #fleetId: string;
  readonly #authority: X509Certificate;

  constructor(
    deps: { readonly clock: Clock; readonly database: FleetDatabase },
    options: { readonly fleetId: string; readonly caCertificatePem: string },
  ) {
    this.#authority = new X509Certificate(options.caCertificatePem);
    this.#clock = deps.clock;
    this.#database = deps.database;
    this.#fleetId = options.fleetId;
  }

  /** The node at the other end; undefined for anybody else and for a node that is not of the roster any more. */
  nodeOf(socket: Duplex): string | undefined {
    const identity = this.#identityOf(socket, { expired: 'refuse' });
    return identity?.role === 'node' && this.#isInRoster(identity.id) ? identity.id : undefined;
  }

  /** @throws {AppError} `access_denied` */
  requireAdmin(socket: Duplex): void {
    if (this.#identityOf(socket, { expired: 'refuse' })?.role === 'admin') return;
    throw new AppError('access_denied', 'this needs the administrator certificate of the fleet');
  }

  /** An administrator or a node of the roster. @throws {AppError} `access_denied` */
  requireMember(socket: Duplex): void {
    if (this.#identityOf(socket, { expired: 'refuse' })?.role === 'admin' || this.nodeOf(socket) !== undefined) return;
    throw new AppError('access_denied', 'this needs a certificate of the fleet; was the node of this host removed?');
  }

  /** The node that asks for a new certificate; its own may have run out. @throws {AppError} `identity_refused` */
  requireRenewingNode(socket: Duplex): string {
    const identity = this.#identityOf(socket, { expired: 'accept' });
    if (identity?.role === 'node' && this.#isInRoster(identity.id)) return identity.id;
    throw new AppError('identity_refused', 'this is not a certificate of a node of the fleet, or it is too old');
  }

  #isInRoster(nodeId: string): boolean {
    const row = this.#database.nodes.find(nodeId);
    return row !== undefined && row.removedMs === null;
  }

  #identityOf(socket: Duplex, options: { readonly expired: 'accept' | 'refuse' }): FleetIdentity | undefined {
    if (!(socket instanceof TLSSocket)) return undefined;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    if (!socket.authorized && !(options.expired === 'accept' && this.#isOnlyExpired(certificate))) return undefined;
    const identity = identityOf(certificate);
    return identity?.fleetId === this.#fleetId ? identity : undefined;
  }

  /**
   * What node:tls says of a refused certificate is the last thing that OpenSSL found wrong: "expired" may hide a forged
   * signature. So the signature is checked here.
   */
  #isOnlyExpired(certificate: X509Certificate): boolean {
    const nowMs = this.#clock.wallMs();
    const notAfterMs = Date.parse(certificate.validTo);
    const isSigned = certificate.checkIssued(this.#authority) && certificate.verify(this.#authority.publicKey);
    return isSigned && Date.parse(certificate.validFrom) <= nowMs && notAfterMs + RENEW_EXPIRED_WITHIN_MS >= nowMs;
  }
}
