// `shoal gc`

import Type from 'typebox';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { runCollection } from '../collection-run.ts';
import { renderCollection, renderRemoval } from '../collection-view.ts';
import type { Command } from '../command.ts';
import { ADMIN_HOST_NOTE, openAdminCalls, callSettings } from '../coordinator-calls.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';

const Flags = Type.Object(
  {
    dryRun: onOff({ default: false, description: 'Only show what would be deleted.' }),
    deleteUntagged: onOff({
      default: false,
      description: 'Also delete manifests that no tag, no index and no subject leads to.',
    }),
    quiet: onOff({ default: false, description: 'Print only numbers, not every manifest and blob.' }),
    json: onOff({ default: false, description: 'One JSON document, for programs.' }),
  },
  { additionalProperties: false },
);

export const gcCommand: Command = {
  words: ['gc'],
  summary: 'delete blobs that no manifest names any more, on all hosts',
  about: [
    'Deletes, on every host, the blobs that no manifest names any more. The coordinator does so by itself, a day after a manifest was deleted (collection.deleteDelayMs); this command does it now, and waits until the hosts within reach have deleted their files. Pushes and pulls go on meanwhile, and blobs of a push under way are kept.',
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'What would be deleted:', line: 'shoal gc --dry-run' },
    { does: 'Also old builds, whose tag has moved on:', line: 'shoal gc --delete-untagged' },
  ],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { terminal, stop } = invocation;
    const { dryRun, deleteUntagged, quiet, json } = await readOwnFlags(Flags, invocation);
    const call = await openAdminCalls(invocation);
    const say = (text: string): void => {
      if (terminal.isAttended) terminal.say(text);
    };
    const request = { isDryRun: dryRun, deleteUntagged };
    const { result, state } = await runCollection({ clock: systemClock, call, say }, request, stop);
    if (json) {
      const { kept, removing } = state;
      terminal.out(`${JSON.stringify({ isDryRun: dryRun, ...result, kept, removing }, undefined, 2)}\n`);
      return 0;
    }
    terminal.out(renderCollection(result, { kept: state.kept, isQuiet: quiet }));
    if (!dryRun) terminal.out(renderRemoval(result, state.removing));
    return 0;
  },
};
