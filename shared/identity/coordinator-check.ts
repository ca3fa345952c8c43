// How our programs know the coordinator: by its name in a certificate of the fleet, whatever address it is reached at.

import type { PeerCertificate } from 'node:tls';
import { identityOf } from './certificate-names.ts';

/**
 * The check for `checkServerIdentity` of node:tls, in place of the one for host names. It runs after the chain was
 * verified against the fleet's authority, so addresses may change without new certificates.
 */
export function coordinatorOf(fleetId: string): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (host, certificate) => {
    const identity = identityOf(certificate);
    if (identity?.role === 'coordinator' && identity.fleetId === fleetId) return undefined;
    return new Error(`${host} is not the coordinator of fleet ${fleetId}`);
  };
}
