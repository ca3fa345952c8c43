// Users and robots of the fleet with their rights, as tables. Pure.

import type { Account, FleetUserList, Right } from '../../shared/protocol/users-api.ts';
import { showDuration } from './human-units.ts';
import { plain, table, type Column } from './text-table.ts';

const USER_COLUMNS: readonly Column[] = [
  { title: 'USER', align: 'left' },
  { title: 'RIGHTS', align: 'left' },
];
const ROBOT_COLUMNS: readonly Column[] = [
  { title: 'ROBOT', align: 'left' },
  { title: 'EXPIRES', align: 'left' },
  { title: 'RIGHTS', align: 'left' },
];

/** Users, and what everybody may do. */
export function renderUsers({ accounts, anonymous, authenticated }: FleetUserList): string {
  const everybody = [
    ...rows('anonymous', anonymous, { whenNone: [] }),
    ...rows('authenticated', authenticated, { whenNone: [] }),
  ];
  const users = accounts.filter(({ kind }) => kind === 'user').flatMap(({ name, rights }) => rows(name, rights));
  if (users.length + everybody.length === 0)
    return 'There are no users. Make one: shoal user add NAME pull,push "team/**"\n';
  return textOf(table(USER_COLUMNS, [...users, ...everybody]));
}

/** Robots, with what is left of their time. */
export function renderRobots(robots: readonly Account[], nowMs: number): string {
  if (robots.length === 0) return 'There are no robots. Make one: shoal robot create NAME pull "team/**"\n';
  const lines = robots.flatMap(({ name, rights, expiresAtMs = 0 }) =>
    rows(name, rights).map(([first = '', right = '']) => {
      const left = expiresAtMs > nowMs ? `in ${showDuration(expiresAtMs - nowMs)}` : 'EXPIRED';
      return [first, first === '' ? '' : left, right];
    }),
  );
  return textOf(table(ROBOT_COLUMNS, lines));
}

/** `pull,push team/**` */
export function showRight({ actions, repositories }: Right): string {
  return `${actions.join(',')} ${plain(repositories)}`;
}

function textOf(lines: readonly string[]): string {
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** One line for each right; the name stands in the first. */
function rows(
  name: string,
  rights: readonly Right[],
  { whenNone = ['none'] }: { readonly whenNone?: readonly string[] } = {},
): string[][] {
  const texts = rights.length === 0 ? whenNone : rights.map(showRight);
  return texts.map((text, index) => [index === 0 ? plain(name) : '', text]);
}
