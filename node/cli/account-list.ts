// `shoal user list` and `shoal robot list`: the same list, seen from two sides.

import Type from 'typebox';
import { FleetUserList } from '../../shared/protocol/users-api.ts';
import { onOff } from '../../shared/runtime/settings.ts';
import type { Command } from './command.ts';
import { ADMIN_HOST_NOTE, callSettings, openAdminCalls } from './coordinator-calls.ts';
import { flagsOf, readOwnFlags } from './own-flags.ts';

/** How a list is shown: the value that is printed as JSON for programs, and the text for people. */
export interface AccountListView {
  /** What the one JSON document holds, for the help. */
  readonly jsonHelp: string;
  readonly json: (list: FleetUserList) => object;
  readonly text: (list: FleetUserList) => string;
}

/** A command that lists accounts. */
export function accountList(
  page: Pick<Command, 'words' | 'summary' | 'about' | 'examples'>,
  view: AccountListView,
): Command {
  const Flags = Type.Object(
    { json: onOff({ default: false, description: view.jsonHelp }) },
    { additionalProperties: false },
  );
  return {
    ...page,
    about: [...page.about, ADMIN_HOST_NOTE],
    flags: flagsOf(Flags),
    settings: callSettings,
    async run(invocation) {
      const { json } = await readOwnFlags(Flags, invocation);
      const call = await openAdminCalls(invocation);
      const list = await call({ method: 'GET', path: '/api/users', answer: FleetUserList });
      invocation.terminal.out(json ? `${JSON.stringify(view.json(list), undefined, 2)}\n` : view.text(list));
      return 0;
    },
  };
}
