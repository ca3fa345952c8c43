// `shoal rollout REFERENCE`

import Type from 'typebox';
import { parseTypedReference } from '../../../shared/oci/reference.ts';
import { MAX_HOSTS_TOLD, RolloutStatus } from '../../../shared/protocol/rollout.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { count, onOff } from '../../../shared/runtime/settings.ts';
import type { Command } from '../command.ts';
import { openMemberCalls, callSettings } from '../coordinator-calls.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { followRollout } from '../rollout-follow.ts';

const Flags = Type.Object(
  {
    json: onOff({ default: false, description: 'One JSON document a line for each change, for programs.' }),
    once: onOff({ default: false, description: 'Show how it is now, and end.' }),
    watch: onOff({ default: false, description: 'Go on when every host has it, too. Ctrl-C ends.' }),
    hosts: Type.Optional(
      count({
        minimum: 1,
        maximum: 1_000_000,
        description: 'End when this many hosts have it, however many have asked.',
      }),
    ),
    slowest: count({
      default: 50,
      minimum: 1,
      maximum: MAX_HOSTS_TOLD,
      description: 'How many hosts to list, the slowest first.',
    }),
  },
  { additionalProperties: false },
);

export const rolloutCommand: Command = {
  words: ['rollout'],
  summary: 'follow an image through the fleet: which hosts have it, how far the others are',
  about: [
    'Shows how far an image has come in the fleet; on a terminal, with a bar for each host. It counts the hosts that asked for the image and those that hold it. Of an image for several platforms, each host counts with the platform that it pulled.',
    'It waits for the first host to ask, and ends when every host that asked has the image. The exit code is 1 when some hosts stopped on the way: nothing moved there for a minute.',
    'Works on every host of the fleet; --data is the data folder of the node or coordinator there.',
  ],
  examples: [
    { does: 'Watch a release arrive everywhere:', line: 'shoal rollout team/app:v1' },
    { does: 'Go on in a script when 40 hosts have it:', line: 'shoal rollout team/app:v1 --hosts 40' },
    { does: 'How many have it now:', line: `shoal rollout team/app:v1 --once --json | jq .hosts.done` },
  ],
  operands: [{ name: 'IMAGE', isRequired: true }],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { terminal, stop } = invocation;
    const [image = ''] = invocation.operands;
    const { json, once, watch, hosts, slowest } = await readOwnFlags(Flags, invocation);
    if (watch && (once || hosts !== undefined)) {
      throw new AppError('config_invalid', 'choose one of --watch, --once and --hosts');
    }
    const path = `/api/rollout?${queryOf(image, slowest)}`;
    const call = await openMemberCalls(invocation, 'Hosts may pull all the same; look at the log of the coordinator');
    const read = (): Promise<RolloutStatus> => call({ method: 'GET', path, answer: RolloutStatus });
    const long = watch ? 'stopped' : 'done';
    const until = once ? 'now' : long;
    return followRollout({ clock: systemClock, terminal, read }, { form: json ? 'json' : 'text', until, hosts }, stop);
  },
};

/** @throws {AppError} `config_invalid` when it is no reference. */
function queryOf(image: string, slowest: number): string {
  let reference;
  try {
    reference = parseTypedReference(image);
  } catch (cause) {
    throw new AppError('config_invalid', `"${image}" is no image; write it like team/app:v1`, { cause });
  }
  const { repository, tag, digest } = reference;
  const what = digest === undefined ? { tag: tag ?? 'latest' } : { digest };
  return new URLSearchParams({ repository, ...what, slowest: String(slowest) }).toString();
}
