// A fleet's authority and certificates of its members, for tests that need real TLS. Takes a few milliseconds.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority, type Authority } from '../../coordinator/identity/authority.ts';
import { makeSigningRequest } from '../../shared/identity/signing-request.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import { systemClock, type Clock } from '../../shared/runtime/clock.ts';
import { silentLogger } from '../../shared/runtime/log.ts';

export interface TestFleet extends AsyncDisposable {
  readonly authority: Authority;
  readonly fleetId: string;
  /** A node's certificate, for its links to the coordinator and to peers. */
  nodeTls(nodeId: string): TlsMaterial;
  /** The coordinator's certificate for localhost. */
  coordinatorTls(): Promise<TlsMaterial>;
  adminTls(): Promise<TlsMaterial>;
}

/** A new fleet with an authority of its own. Two calls make two fleets that do not know each other. */
export async function makeTestFleet(options: { readonly clock?: Clock } = {}): Promise<TestFleet> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-test-fleet-'));
  const authority = await openAuthority(join(folder, 'authority'), {
    clock: options.clock ?? systemClock,
    log: silentLogger,
  });
  return {
    authority,
    fleetId: authority.fleetId,
    nodeTls(nodeId) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { certificatePem } = authority.issueNodeCertificate({ csrPem: makeSigningRequest(privateKey), nodeId });
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      return { cert: certificatePem, key, ca: authority.caCertificatePem };
    },
    coordinatorTls: () => authority.serverTls([]),
    adminTls: () => authority.adminTls(),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
