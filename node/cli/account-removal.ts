// `shoal user remove` and `shoal robot revoke`: the same of another kind.

import Type from 'typebox';
import { Done } from '../../shared/protocol/users-api.ts';
import { onOff } from '../../shared/runtime/settings.ts';
import type { Command } from './command.ts';
import { ADMIN_HOST_NOTE, openAdminCalls, callSettings } from './coordinator-calls.ts';
import { flagsOf, readOwnFlags } from './own-flags.ts';

const Flags = Type.Object(
  { json: onOff({ default: false, description: 'One JSON document, for programs.' }) },
  { additionalProperties: false },
);

/**
 * A command that takes an account away.
 * @param page.about what it means for the account.
 * @param options.done the word for it, in what is printed and as a key of the JSON.
 */
export function accountRemoval(
  page: Pick<Command, 'words' | 'summary' | 'about' | 'examples'>,
  options: { readonly path: '/api/users' | '/api/robots'; readonly done: 'removed' | 'revoked' },
): Command {
  const { path, done } = options;
  return {
    ...page,
    about: [...page.about, ADMIN_HOST_NOTE],
    operands: [{ name: 'NAME', isRequired: true }],
    flags: flagsOf(Flags),
    settings: callSettings,
    async run(invocation) {
      const [name = ''] = invocation.operands;
      const { json } = await readOwnFlags(Flags, invocation);
      const call = await openAdminCalls(invocation);
      await call({ method: 'DELETE', path: `${path}/${encodeURIComponent(name)}`, answer: Done });
      invocation.terminal.out(json ? `${JSON.stringify({ name, [done]: true })}\n` : `${done} ${name}\n`);
      return 0;
    },
  };
}
