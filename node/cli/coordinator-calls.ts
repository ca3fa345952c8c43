// What commands share that ask something of the coordinator: as administrator, by a certificate in the data folder of its host, or
// as any host of the fleet.

import Type, { type Static, type TSchema } from 'typebox';
import { CoordinatorConfig } from '../../coordinator/config.ts';
import { callCoordinator, type CoordinatorTarget } from '../../shared/protocol/coordinator-api.ts';
import { dataSetting, logSettings } from '../../shared/runtime/base-settings.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { createLogger, type Logger } from '../../shared/runtime/log.ts';
import { NodeConfig } from '../config.ts';
import type { CommandSettings, Invocation } from './command.ts';
import { adminTarget, memberTarget, withAdvice } from './fleet-access.ts';
import { chooseFormat } from './log-format.ts';
import { ownUserAgent } from './own-user-agent.ts';

const Settings = Type.Object({ data: dataSetting, log: logSettings }, { additionalProperties: false });

/** What to do about a coordinator that does not answer. */
export const START_ADVICE = 'Is it running? Start it with `shoal up` or `shoal coordinator`';
/** A paragraph of the help of each such command. */
export const ADMIN_HOST_NOTE =
  "Run it on the coordinator's host, as the user that the coordinator runs as: it uses a certificate in the data folder.";

/** The settings of a command that calls the coordinator. */
export function callSettings(): Promise<CommandSettings> {
  return Promise.resolve({ schema: Settings, defaults: {}, alsoKnown: [NodeConfig, CoordinatorConfig] });
}

/** One call. @throws {AppError} what the coordinator answered; `coordinator_unreachable` with what to do about it. */
export type CoordinatorCall = <T extends TSchema>(call: {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly answer: T;
}) => Promise<Static<T>>;

/**
 * @param advice what a person can do when the coordinator does not answer.
 * @throws {AppError} `coordinator_unreachable` when no coordinator ever ran with this data folder.
 */
export async function openAdminCalls(invocation: Invocation, advice = START_ADVICE): Promise<CoordinatorCall> {
  return open(invocation, { find: adminTarget, advice });
}

/**
 * For what every host of the fleet may ask.
 * @param advice as above.
 * @throws {AppError} `coordinator_unreachable` when this host knows of no fleet.
 */
export async function openMemberCalls(invocation: Invocation, advice: string): Promise<CoordinatorCall> {
  return open(invocation, { find: memberTarget, advice });
}

async function open(
  invocation: Invocation,
  options: {
    readonly find: (data: string, log: Logger) => Promise<CoordinatorTarget>;
    readonly advice: string;
  },
): Promise<CoordinatorCall> {
  const { terminal, stop } = invocation;
  const config = await invocation.config(Settings);
  const log = createLogger({ level: config.log.level, format: chooseFormat(config.log.format, terminal) });
  const target = { ...(await options.find(config.data, log)), userAgent: await ownUserAgent() };
  return callsTo(target, options, stop);
}

/** Calls of a coordinator that was found otherwise. */
export function callsTo(
  target: CoordinatorTarget,
  options: { readonly advice: string },
  signal: AbortSignal,
): CoordinatorCall {
  return (call) =>
    callCoordinator({ clock: systemClock }, target, call, signal).catch((error: unknown) => {
      throw withAdvice(error, options.advice);
    });
}
