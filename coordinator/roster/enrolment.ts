// Letting nodes in and keeping them in: join tokens, first certificates, renewal, removal.

import { randomInt } from 'node:crypto';
import type { EnrolResponse, TokenRequest, TokenResponse } from '../../shared/protocol/admin-api.ts';
import { formatJoinToken, parseJoinToken } from '../../shared/identity/join-token.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Authority } from '../identity/authority.ts';
import { hashSecret, isSecretOf, makeJoinToken } from '../identity/join-tokens.ts';
import { makeNodeId } from '../identity/node-id.ts';

/** Tokens in the database; a further one is refused. A person makes a few, a script that makes thousands has gone wrong. */
const MAX_TOKENS = 10_000;
/** Expired tokens are remembered for a day, so that "expired" can be told from "unknown". */
const KEEP_EXPIRED_MS = 24 * 60 * 60 * 1000;
const RANDOM_STEPS = 2 ** 32;

export interface EnrolmentDeps {
  readonly authority: Authority;
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly log: Logger;
}

export class Enrolment {
  readonly #deps: EnrolmentDeps;

  constructor(deps: EnrolmentDeps) {
    this.#deps = deps;
  }

  /** Makes a join token; its secret is in the answer and nowhere else. @throws {AppError} `too_many_requests` */
  createToken({ ttlMs, uses }: TokenRequest): TokenResponse {
    const { authority, clock, database, log } = this.#deps;
    const token = makeJoinToken(authority.fingerprint);
    const nowMs = clock.wallMs();
    const expiresMs = nowMs + ttlMs;
    database.change('token', () => {
      database.tokens.removeExpired(nowMs - KEEP_EXPIRED_MS);
      if (database.tokens.count() >= MAX_TOKENS) {
        throw new AppError('too_many_requests', 'too many join tokens are in use; wait until some expire');
      }
      database.tokens.insert({
        tokenId: token.tokenId,
        secretHash: hashSecret(token.secret),
        expiresMs,
        usesLeft: uses,
      });
    });
    log.info({ tokenId: token.tokenId, uses, expires: new Date(expiresMs).toISOString() }, 'made a join token');
    return { token: formatJoinToken(token), tokenId: token.tokenId, expiresAtMs: expiresMs };
  }

  /**
   * Lets a host in that has a join token.
   * @throws {AppError} `join_refused` (detail.reason: unknown, expired, used_up), `message_invalid` for a bad request
   */
  enrolWithToken(request: { readonly token: string; readonly csr: string; readonly name: string }): EnrolResponse {
    const { database, clock } = this.#deps;
    const { tokenId, secret } = parseJoinToken(request.token);
    // One transaction: a bad signing request costs no use, and a use is never spent twice.
    return database.change('token', () => {
      const row = database.tokens.find(tokenId);
      if (row === undefined || !isSecretOf(secret, row.secretHash))
        throw refused('unknown', 'the join token is not known');
      if (row.expiresMs <= clock.wallMs()) throw refused('expired', 'the join token has expired; make a new one');
      if (!database.tokens.use(tokenId)) throw refused('used_up', 'the join token was used as often as it may be');
      return this.#enrol(request);
    });
  }

  /** Lets the node of this process in, without a token. @throws {AppError} `message_invalid` for a bad request */
  enrolOwn(request: { readonly csr: string; readonly name: string }): EnrolResponse {
    return this.#deps.database.change('token', () => this.#enrol(request));
  }

  /** Whether a node is in the roster, removed or not. */
  knows(nodeId: string): boolean {
    return this.#deps.database.nodes.find(nodeId) !== undefined;
  }

  /**
   * A new certificate for a node of the roster.
   * @throws {AppError} `identity_refused` for a node that is not, or not any more; `message_invalid` for a bad request
   */
  renew(nodeId: string, csrPem: string): string {
    const { authority, database, log } = this.#deps;
    const row = database.nodes.find(nodeId);
    if (row === undefined || row.removedMs !== null) {
      throw new AppError('identity_refused', 'this node is not of the fleet, or was removed from it', {
        detail: { node: nodeId },
      });
    }
    const { certificatePem, serial, notAfterMs } = authority.issueNodeCertificate({ csrPem, nodeId });
    database.change('roster', () => database.nodes.setCertificate({ nodeId, serial, expiresMs: notAfterMs }));
    log.info({ node: nodeId, notAfter: new Date(notAfterMs).toISOString() }, 'renewed the certificate of a node');
    return certificatePem;
  }

  #enrol({ csr, name }: { readonly csr: string; readonly name: string }): EnrolResponse {
    const { authority, clock, database, log } = this.#deps;
    const nodeId = makeNodeId(name, () => randomInt(RANDOM_STEPS) / RANDOM_STEPS);
    const { certificatePem, serial, notAfterMs } = authority.issueNodeCertificate({ csrPem: csr, nodeId });
    database.nodes.insert({ nodeId, serial, expiresMs: notAfterMs }, clock.wallMs());
    log.info({ node: nodeId }, 'a node joined the fleet');
    return { nodeId, fleetId: authority.fleetId, certificate: certificatePem, ca: authority.caCertificatePem };
  }
}

function refused(reason: 'unknown' | 'expired' | 'used_up', message: string): AppError {
  return new AppError('join_refused', message, { detail: { reason } });
}
