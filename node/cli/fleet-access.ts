// How a command on this host reaches the coordinator: as administrator on the coordinator's own host, else as the node
// that this host is.

import { access as accessFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAdminAccess } from '../../shared/identity/admin-access.ts';
import type { CoordinatorTarget } from '../../shared/protocol/coordinator-api.ts';
import { dataFolder } from '../../shared/runtime/data-folder.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { NodeIdentityFile } from '../identity/node-identity.ts';

/** @throws {AppError} `coordinator_unreachable` when no coordinator ever ran with this data folder. */
export async function adminTarget(data: string, log: Logger): Promise<CoordinatorTarget> {
  const access = await readAdminAccess(dataFolder(data).adminAccess, log);
  if (access !== undefined) return access;
  throw new AppError(
    'coordinator_unreachable',
    `no coordinator has run with the data folder ${data}. Run this on the coordinator's host, with the same --data; ` +
      `start it with \`shoal up\` or \`shoal coordinator\`.${await nearbyFolder(data, ['adminAccess'])}`,
  );
}

/** @throws {AppError} `coordinator_unreachable` when this host knows of no fleet. */
export async function memberTarget(data: string, log: Logger): Promise<CoordinatorTarget> {
  const folder = dataFolder(data);
  const access = await readAdminAccess(folder.adminAccess, log);
  if (access !== undefined) return access;
  const identity = await NodeIdentityFile.open({ log }, folder.nodeIdentity);
  const address = identity?.coordinator;
  if (identity !== undefined && address !== undefined) return { address, fleetId: identity.fleetId, ...identity.tls() };
  throw new AppError(
    'coordinator_unreachable',
    `the data folder ${data} knows of no fleet: neither a coordinator nor a node has run with it. Is it the right --data?` +
      (await nearbyFolder(data, ['adminAccess', 'nodeIdentity'])),
  );
}

/**
 * A sentence on a folder that is probably meant: the one that `shoal serve` keeps within the root directory of the registry container,
 * or that of `npm start`; '' when there is none.
 * @param proofs files of which a right one has one.
 */
async function nearbyFolder(data: string, proofs: readonly ('adminAccess' | 'nodeIdentity')[]): Promise<string> {
  for (const folder of [join(data, 'shoal'), './.shoal']) {
    const files = dataFolder(folder);
    for (const proof of proofs) {
      if (await isThere(files[proof])) return ` This host has one: --data ${folder}`;
    }
  }
  return '';
}

function isThere(path: string): Promise<boolean> {
  return accessFile(path).then(
    () => true,
    () => false, // or not for us to see
  );
}

/** Adds what a person can do about a coordinator that does not answer. */
export function withAdvice(error: unknown, advice: string): unknown {
  if (!(error instanceof AppError) || error.code !== 'coordinator_unreachable') return error;
  return new AppError(error.code, `${error.message}. ${advice}`, { cause: error });
}
