// How a host becomes a node of a fleet.
//
//   with a token, over the network                            in the coordinator's process (`shoal up`)
//   1. connect, trusting nobody; look for the certificate      the coordinator signs directly
//      whose fingerprint the token pins; hang up
//   2. connect again, trusting that authority alone; the
//      other end must be its coordinator
//   3. only now send the token and the signing request
//   4. check the answer: our key, that authority
//
// The secret of the token therefore never reaches anybody but the coordinator that made it.

import { X509Certificate } from 'node:crypto';
import { hostname } from 'node:os';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { fleetIdOf } from '../../shared/identity/certificate-names.ts';
import { fingerprintOf, parseJoinToken } from '../../shared/identity/join-token.ts';
import { EnrolResponse, type EnrolRequest } from '../../shared/protocol/admin-api.ts';
import { API_TIMEOUT_MS, callCoordinator, unreachable } from '../../shared/protocol/coordinator-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { parseHostPort } from '../../shared/runtime/host-port.ts';
import { makeFreshKey } from './fresh-key.ts';
import { NodeIdentityFile } from './node-identity.ts';

/** Certificates of a chain that are looked at; a coordinator sends two, and what comes after these is not read. */
const MAX_CHAIN = 4;

/**
 * Joins over the network and writes the identity to `path`.
 * @throws {AppError} `join_refused` (token malformed, expired, used up, or made by another coordinator),
 * `coordinator_unreachable`.
 */
export async function joinFleet(
  deps: { readonly clock: Clock },
  options: { readonly path: string; readonly coordinator: string; readonly token: string },
  signal: AbortSignal,
): Promise<NodeIdentityFile> {
  const { path, coordinator } = options;
  const { fingerprint } = parseJoinToken(options.token);
  const authority = await findAuthority(deps, { coordinator, fingerprint }, signal);
  const { key, csr } = await makeFreshKey();
  const body: EnrolRequest = { token: options.token.trim(), csr, name: hostname() };
  const answer = await callCoordinator(
    deps,
    { address: coordinator, fleetId: fleetIdOf(authority.publicKey), ca: authority.toString() },
    { method: 'POST', path: '/api/enrol', body, answer: EnrolResponse },
    signal,
  );
  // The authority is the one that the token pins, whatever the answer says.
  return NodeIdentityFile.create(path, { coordinator, cert: answer.certificate, key, ca: authority.toString() });
}

/**
 * Joins the coordinator of this process: no token, no network.
 * @param options.enrol signs the request and enters the node into the roster.
 */
export async function joinInProcess(options: {
  readonly path: string;
  readonly enrol: (request: { readonly csr: string; readonly name: string }) => Promise<EnrolResponse>;
}): Promise<NodeIdentityFile> {
  const { key, csr } = await makeFreshKey();
  const answer = await options.enrol({ csr, name: hostname() });
  return NodeIdentityFile.create(options.path, {
    coordinator: undefined,
    cert: answer.certificate,
    key,
    ca: answer.ca,
  });
}

async function findAuthority(
  deps: { readonly clock: Clock },
  wanted: { readonly coordinator: string; readonly fingerprint: string },
  signal: AbortSignal,
): Promise<X509Certificate> {
  for (const raw of await presentedChain(deps, wanted.coordinator, signal)) {
    if (fingerprintOf(raw) === wanted.fingerprint) return new X509Certificate(raw);
  }
  throw new AppError(
    'join_refused',
    `${wanted.coordinator} is not the coordinator that made this token: the fingerprint of its authority differs. ` +
      'Check the address; if it is right, somebody may be in between. Nothing was sent to it.',
  );
}

/** The certificates that the other end shows, leaf first, in DER. Nobody is trusted and nothing is sent. */
async function presentedChain(
  deps: { readonly clock: Clock },
  address: string,
  signal: AbortSignal,
): Promise<readonly Buffer[]> {
  signal.throwIfAborted();
  const socket = connect({ ...parseHostPort(address), rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  const give = (reason: Error): unknown => socket.destroy(reason);
  const onAbort = (): unknown => give(new Error('aborted'));
  const timer = deps.clock.schedule(API_TIMEOUT_MS, () => give(new Error('no answer in time')));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed')));
    });
    return chainOf(socket.getPeerCertificate(true));
  } catch (cause) {
    signal.throwIfAborted();
    throw unreachable(address, cause);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
    socket.on('error', () => undefined); // the connection is over, and so is interest in how it ended
    socket.destroy();
  }
}

function chainOf(leaf: DetailedPeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = [];
  let current: DetailedPeerCertificate | undefined = leaf;
  while (current?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(current.raw);
    const issuer: DetailedPeerCertificate | undefined = current.issuerCertificate;
    current = issuer === current ? undefined : issuer; // a self-signed certificate is its own issuer
  }
  return chain;
}
