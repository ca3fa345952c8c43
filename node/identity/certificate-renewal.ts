// Keeps a node's certificate fresh: a new key and certificate after two thirds of its life.

import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import { RenewResponse } from '../../shared/protocol/admin-api.ts';
import { callCoordinator } from '../../shared/protocol/coordinator-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { makeFreshKey } from './fresh-key.ts';
import type { NodeIdentityFile } from './node-identity.ts';

/** How far renewals of a fleet that started at one minute are spread: a tenth of the time to the due date. */
const JITTER_SHARE = 0.1;
/** Longest wait before looking again: a machine that slept finds out within the hour that its certificate is due. */
const LOOK_EVERY_MS = 60 * 60 * 1000;
/** Wait after a failed renewal; it grows twofold to an hour, with full jitter. */
const FIRST_RETRY_MS = 30_000;
/** The longest wait after failed renewals; they go on until one works or the certificate has run out. */
const MAX_RETRY_MS = 60 * 60 * 1000;

export interface RenewalDeps {
  readonly identity: NodeIdentityFile;
  readonly link: CoordinatorLink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/** Starts renewing. Disposing stops it. */
export function keepRenewed(deps: RenewalDeps): AsyncDisposable {
  const stopping = new AbortController();
  const running = renewForEver(deps, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

async function renewForEver(deps: RenewalDeps, signal: AbortSignal): Promise<void> {
  const { identity, clock, log, random } = deps;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await waitUntilDue(deps, signal);
      await renewOnce(deps, signal);
      failures = 0;
      log.info({ notAfter: new Date(identity.notAfterMs).toISOString() }, 'renewed the certificate of this node');
    } catch (err) {
      if (signal.aborted) return;
      const ceilingMs = Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS);
      failures = Math.min(failures + 1, 16);
      const isExpired = clock.wallMs() >= identity.notAfterMs;
      const fields = { err, notAfter: new Date(identity.notAfterMs).toISOString() };
      if (isExpired) log.error(fields, 'the certificate of this node has expired and cannot be renewed yet');
      else log.warn(fields, 'could not renew the certificate of this node; trying again');
      await clock.sleep(ceilingMs * random(), signal).catch(() => undefined); // only stopping ends a sleep
    }
  }
}

/** Due is earlier for some than for others, and later for none. */
async function waitUntilDue({ identity, clock, random }: RenewalDeps, signal: AbortSignal): Promise<void> {
  const fullMs = identity.renewalDueMs - clock.wallMs();
  const dueMs = identity.renewalDueMs - Math.max(0, fullMs) * JITTER_SHARE * random();
  for (;;) {
    const leftMs = dueMs - clock.wallMs();
    if (leftMs <= 0) return;
    await clock.sleep(Math.min(leftMs, LOOK_EVERY_MS), signal);
  }
}

async function renewOnce(deps: RenewalDeps, signal: AbortSignal): Promise<void> {
  const { identity, link } = deps;
  const { key, csr } = await makeFreshKey();
  const { coordinator } = identity;
  // No session opens with an expired certificate; the HTTPS call takes one.
  const { certificate } =
    link.isConnected || coordinator === undefined
      ? await link.call('certificate.renew', { csr }, signal)
      : await renewWithoutSession(deps, { coordinator, csr }, signal);
  await identity.renew({ cert: certificate, key });
}

async function renewWithoutSession(
  deps: RenewalDeps,
  options: { readonly coordinator: string; readonly csr: string },
  signal: AbortSignal,
): Promise<{ readonly certificate: string }> {
  const target = { address: options.coordinator, fleetId: deps.identity.fleetId, ...deps.identity.tls() };
  const call = { method: 'POST', path: '/api/renew', body: { csr: options.csr }, answer: RenewResponse } as const;
  try {
    return await callCoordinator(deps, target, call, signal);
  } catch (error) {
    if (isAppError(error, 'identity_refused')) {
      deps.log.error(
        {},
        'this node is no longer of the fleet; remove it or join again: --coordinator HOST:PORT --join TOKEN',
      );
    }
    throw error;
  }
}
