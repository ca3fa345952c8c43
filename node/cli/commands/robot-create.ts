// `shoal robot create NAME [ACTIONS REPOSITORIES]`

import Type from 'typebox';
import { DEFAULT_ROBOT_TTL_MS, MAX_ROBOT_TTL_MS, RobotSecret } from '../../../shared/protocol/users-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { duration, onOff } from '../../../shared/runtime/settings.ts';
import { callSettings, ADMIN_HOST_NOTE, openAdminCalls } from '../coordinator-calls.ts';
import type { Command } from '../command.ts';
import { showDuration } from '../human-units.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { parseRight, RIGHT_OPERANDS, RIGHTS_NOTE } from '../right-operands.ts';

const Flags = Type.Object(
  {
    ttl: duration({
      default: DEFAULT_ROBOT_TTL_MS,
      minimum: 1000,
      maximum: MAX_ROBOT_TTL_MS,
      description: 'How long it gets in.',
    }),
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
  },
  { additionalProperties: false },
);

export const robotCreateCommand: Command = {
  words: ['robot', 'create'],
  summary: 'make a robot account for CI and hosts, and print its secret once',
  about: [
    'Makes an account for a program and prints its secret, one line on stdout. The secret is random, it is shown this once and kept nowhere, and it ends by itself. A program logs in with NAME and the secret in the place of a password.',
    RIGHTS_NOTE,
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'For a build server, for a month:', line: `shoal robot create ci pull,push 'team/**' --ttl 30d > secret` },
    { does: 'There:', line: 'docker login --username ci --password-stdin registry.example:5000 < secret' },
    {
      does: 'For Prometheus, which may see /metrics of nodes and nothing else:',
      line: 'shoal robot create prometheus',
    },
  ],
  operands: [{ name: 'NAME', isRequired: true }, ...RIGHT_OPERANDS],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { terminal } = invocation;
    const [name = '', actions, repositories] = invocation.operands;
    const right = parseRight(actions, repositories);
    const { ttl, json } = await readOwnFlags(Flags, invocation);
    const call = await openAdminCalls(invocation);
    const body = { name, ttlMs: ttl, ...(right === undefined ? {} : { right }) };
    const robot = await call({ method: 'POST', path: '/api/robots', body, answer: RobotSecret });
    terminal.out(json ? `${JSON.stringify(robot)}\n` : `${robot.secret}\n`);
    if (terminal.isAttended) {
      const left = showDuration(robot.expiresAtMs - systemClock.wallMs());
      const next = right === undefined ? `; it may do nothing yet: shoal user grant ${name} pull 'team/**'` : '';
      terminal.say(`the secret of ${name}, shown this once; it is good for ${left}${next}\n`);
    }
    return 0;
  },
};
