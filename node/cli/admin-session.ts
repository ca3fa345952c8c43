// What commands share that change something at the coordinator: its address and an administrator's certificate, from the data
// folder of its host.

import Type, { type Static, type TSchema } from 'typebox';
import { CoordinatorConfig } from '../../coordinator/config.ts';
import { callCoordinator } from '../../shared/protocol/coordinator-api.ts';
import { dataSetting, logSettings } from '../../shared/runtime/base-settings.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { createLogger } from '../../shared/runtime/log.ts';
import { NodeConfig } from '../config.ts';
import type { CommandSettings, Invocation } from './command.ts';
import { adminTarget, withAdvice } from './fleet-access.ts';
import { chooseFormat } from './log-format.ts';
import { ownUserAgent } from './own-user-agent.ts';

const Settings = Type.Object({ data: dataSetting, log: logSettings }, { additionalProperties: false });

/** A paragraph of the help of each such command. */
export const ADMIN_HOST_NOTE =
  "Run it on the coordinator's host, as the user that the coordinator runs as: it uses a certificate in the data folder.";

/** The settings of such a command. */
export function adminSettings(): Promise<CommandSettings> {
  return Promise.resolve({ schema: Settings, defaults: {}, alsoKnown: [NodeConfig, CoordinatorConfig] });
}

/** One call. @throws {AppError} what the coordinator answered; `coordinator_unreachable` with what to do about it. */
export type AdminCall = <T extends TSchema>(call: {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly answer: T;
}) => Promise<Static<T>>;

/**
 * @param advice what a person can do when the coordinator does not answer.
 * @throws {AppError} `coordinator_unreachable` when no coordinator ever ran with this data folder.
 */
export async function openAdminSession(
  invocation: Invocation,
  advice = 'Is it running? Start it with `shoal up` or `shoal coordinator`',
): Promise<AdminCall> {
  const { terminal, stop } = invocation;
  const config = await invocation.config(Settings);
  const log = createLogger({ level: config.log.level, format: chooseFormat(config.log.format, terminal) });
  const target = { ...(await adminTarget(config.data, log)), userAgent: await ownUserAgent() };
  return (call) =>
    callCoordinator({ clock: systemClock }, target, call, stop).catch((error: unknown) => {
      throw withAdvice(error, advice);
    });
}
