// Users and robots of a fleet, made as the command line makes them.

import { hash } from 'bcryptjs';
import type { GrantedAction } from '../../shared/access/grant.ts';
import { callCoordinator } from '../../shared/protocol/coordinator-api.ts';
import { Done, FleetUserList, Rights, RobotSecret } from '../../shared/protocol/users-api.ts';
import { systemClock as clock } from '../../shared/runtime/clock.ts';
import type { ComposedFleet } from './composed-fleet.ts';

/** As cheap as bcrypt gets. */
const COST = 4;
const never = new AbortController().signal;

/** Rights are written as `pull,push team/*`. */
export class FleetUsersOf {
  readonly #fleet: Pick<ComposedFleet, 'admin'>;

  constructor(fleet: Pick<ComposedFleet, 'admin'>) {
    this.#fleet = fleet;
  }

  async add(name: string, password: string, right?: string): Promise<void> {
    const passwordHash = await hash(password, COST);
    const body = { name, passwordHash, ...(right === undefined ? {} : { right: rightOf(right) }) };
    const call = { method: 'POST', path: '/api/users', body, answer: Done } as const;
    await callCoordinator({ clock }, this.#fleet.admin, call, never);
  }

  async setPassword(name: string, password: string): Promise<void> {
    const body = { passwordHash: await hash(password, COST) };
    const call = { method: 'POST', path: `/api/users/${name}/password`, body, answer: Done } as const;
    await callCoordinator({ clock }, this.#fleet.admin, call, never);
  }

  async remove(name: string): Promise<void> {
    const call = { method: 'DELETE', path: `/api/users/${name}`, answer: Done } as const;
    await callCoordinator({ clock }, this.#fleet.admin, call, never);
  }

  async change(change: 'grant' | 'revoke', who: string, right: string): Promise<Rights> {
    const body = { change, who, right: rightOf(right) };
    const call = { method: 'POST', path: '/api/rights', body, answer: Rights } as const;
    return callCoordinator({ clock }, this.#fleet.admin, call, never);
  }

  /** @returns the secret. */
  async addRobot(name: string, options: { readonly ttlMs: number; readonly right: string }): Promise<string> {
    const body = { name, ttlMs: options.ttlMs, right: rightOf(options.right) };
    const call = { method: 'POST', path: '/api/robots', body, answer: RobotSecret } as const;
    return (await callCoordinator({ clock }, this.#fleet.admin, call, never)).secret;
  }

  async revokeRobot(name: string): Promise<void> {
    const call = { method: 'DELETE', path: `/api/robots/${name}`, answer: Done } as const;
    await callCoordinator({ clock }, this.#fleet.admin, call, never);
  }

  async list(): Promise<FleetUserList> {
    const call = { method: 'GET', path: '/api/users', answer: FleetUserList } as const;
    return callCoordinator({ clock }, this.#fleet.admin, call, never);
  }
}

function rightOf(text: string): { actions: GrantedAction[]; repositories: string } {
  const [actions = '', repositories = ''] = text.split(' ');
  return { actions: actions.split(',') as GrantedAction[], repositories };
}
