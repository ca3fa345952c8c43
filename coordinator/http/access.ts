// Who may do what at the coordinator, decided here alone, from the client certificate of the connection.

import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import { judgeCertificate, rosterRefusal, type CertificateVerdict } from './certificate-verdict.ts';

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

  /**
   * The node at the other end, which is of the roster and whose certificate is good now.
   * @throws {AppError} `identity_refused`, or `credentials_required` for what passes with a new certificate or a right clock;
   * `detail.node` is who it is, when the authority of the fleet says so.
   */
  requireNode(socket: Duplex): string {
    return this.#requireGoodNode(this.#judge(socket));
  }

  /** @throws {AppError} `access_denied` */
  requireAdmin(socket: Duplex): void {
    const verdict = this.#judge(socket);
    if (verdict.type === 'member' && verdict.identity.role === 'admin') return;
    throw new AppError('access_denied', 'this needs the administrator certificate of the fleet');
  }

  /** An administrator or a node of the roster. @throws {AppError} `access_denied` */
  requireMember(socket: Duplex): void {
    const verdict = this.#judge(socket);
    if (verdict.type === 'member' && verdict.identity.role === 'admin') return;
    try {
      this.#requireGoodNode(verdict);
    } catch (cause) {
      if (!(cause instanceof AppError)) throw cause;
      throw new AppError('access_denied', `the coordinator refuses this host: ${cause.message}`, { cause });
    }
  }

  /** The node that asks for a new certificate; its own may have run out. @throws {AppError} as `requireNode` */
  requireRenewingNode(socket: Duplex): string {
    const verdict = this.#judge(socket);
    if (verdict.type === 'refused') throw verdict.refusal;
    return this.#requireInRoster(verdict);
  }

  #requireGoodNode(verdict: CertificateVerdict): string {
    if (verdict.type !== 'member') throw verdict.refusal;
    return this.#requireInRoster(verdict);
  }

  #requireInRoster({ identity }: Exclude<CertificateVerdict, { type: 'refused' }>): string {
    const row = identity.role === 'node' ? this.#database.nodes.find(identity.id) : undefined;
    if (row === undefined || row.removedMs !== null) throw rosterRefusal(identity, row);
    return identity.id;
  }

  #judge(socket: Duplex): CertificateVerdict {
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    return judgeCertificate(certificate, {
      isVerified: socket instanceof TLSSocket && socket.authorized,
      authority: this.#authority,
      fleetId: this.#fleetId,
      nowMs: this.#clock.wallMs(),
    });
  }
}
