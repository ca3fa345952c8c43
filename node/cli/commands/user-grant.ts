// `shoal user grant NAME ACTIONS REPOSITORIES` and `shoal user revoke …`

import Type from 'typebox';
import { Rights, type RightChange } from '../../../shared/protocol/users-api.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls } from '../coordinator-calls.ts';
import type { Command, Invocation } from '../command.ts';
import type { Operand } from '../flag-parser.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { parseRight, RIGHTS_NOTE } from '../right-operands.ts';
import { showRight } from '../users-view.ts';

const Flags = Type.Object(
  { json: onOff({ default: false, description: 'One JSON document with the rights from now on, for programs.' }) },
  { additionalProperties: false },
);

const WHO_NOTE =
  'NAME is a user or a robot, or one of two that stand for many: anonymous, everybody without a login (with access.scheme token), and authenticated, everybody with one.';
const OPERANDS: readonly Operand[] = ['NAME', 'ACTIONS', 'REPOSITORIES'].map((name) => ({ name, isRequired: true }));

export const userGrantCommand: Command = {
  words: ['user', 'grant'],
  summary: 'let a user or robot do something in some repositories',
  about: [
    'Gives a right; it counts at every node within a second. Rights add up.',
    WHO_NOTE,
    RIGHTS_NOTE,
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'Push and pull below team/:', line: `shoal user grant alice pull,push 'team/**'` },
    { does: 'Everybody pulls what is public, without a login:', line: `shoal user grant anonymous pull 'public/**'` },
  ],
  operands: OPERANDS,
  flags: flagsOf(Flags),
  settings: callSettings,
  run: (invocation) => changeRight(invocation, 'grant'),
};

export const userRevokeCommand: Command = {
  words: ['user', 'revoke'],
  summary: 'take a right back',
  about: [
    'Takes actions away that were given for exactly this pattern; what other patterns give stays. It counts at every node within a second, for tokens that are out too.',
    WHO_NOTE,
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'Alice may still pull there:', line: `shoal user revoke alice push 'team/**'` },
    { does: 'Nothing is public any more:', line: `shoal user revoke anonymous pull 'public/**'` },
  ],
  operands: OPERANDS,
  flags: flagsOf(Flags),
  settings: callSettings,
  run: (invocation) => changeRight(invocation, 'revoke'),
};

async function changeRight(invocation: Invocation, change: RightChange['change']): Promise<number> {
  const [who = '', actions, repositories] = invocation.operands;
  const right = parseRight(actions, repositories);
  if (right === undefined) throw new AppError('config_invalid', 'ACTIONS is missing');
  const { json } = await readOwnFlags(Flags, invocation);
  const call = await openAdminCalls(invocation);
  const body = { change, who, right };
  const { rights } = await call({ method: 'POST', path: '/api/rights', body, answer: Rights });
  const may = rights.length === 0 ? 'nothing' : rights.map(showRight).join('; ');
  invocation.terminal.out(json ? `${JSON.stringify({ who, rights })}\n` : `${who} may: ${may}\n`);
  return 0;
}
