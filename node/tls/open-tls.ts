// TLS of the registry's port as the settings want it.

import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { NodeConfig } from '../config.ts';
import { RegistryTls } from './registry-tls.ts';

/** @returns undefined when the port speaks plain HTTP. @throws {AppError} `config_invalid` */
export async function openTls(
  config: Pick<NodeConfig, 'tls'>,
  deps: { readonly clock: Clock; readonly log: Logger },
): Promise<RegistryTls | undefined> {
  const { certificate, key, ...rest } = config.tls;
  if (certificate === undefined && key === undefined) {
    if (rest.clientAuthorities.length === 0) return undefined;
    throw new AppError(
      'config_invalid',
      'tls.clientAuthorities: clients show certificates in TLS only; set tls.certificate and tls.key too',
    );
  }
  if (certificate === undefined || key === undefined) {
    throw new AppError(
      'config_invalid',
      'tls.certificate and tls.key go together; set both, or neither for plain HTTP',
    );
  }
  return RegistryTls.open({ ...deps, log: deps.log.child({ part: 'tls' }) }, { ...rest, certificate, key });
}
