// `shoal audit`

import Type from 'typebox';
import { AUDIT_ACTIONS, AuditPage, MAX_AUDIT_PAGE, type AuditEntry } from '../../../shared/protocol/audit-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { choice, count, onOff, text } from '../../../shared/runtime/settings.ts';
import { ADMIN_HOST_NOTE, callSettings, openAdminCalls } from '../coordinator-calls.ts';
import { renderAudit } from '../audit-view.ts';
import type { Command } from '../command.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { parsePointInTime } from '../point-in-time.ts';

/** Most entries that one command prints: the most that the log can hold. */
const MAX_ENTRIES = 1_000_000;

const Flags = Type.Object(
  {
    repository: Type.Optional(
      text({ placeholder: 'NAME', description: 'Of this repository alone; team/** for all below team.' }),
    ),
    user: Type.Optional(text({ placeholder: 'NAME', description: 'By this user.' })),
    anonymous: onOff({ default: false, description: 'By those without a login.' }),
    action: Type.Optional(choice({ choices: AUDIT_ACTIONS, description: 'Of this kind; pulls need audit.pulls.' })),
    since: Type.Optional(text({ placeholder: 'TIME', description: 'From then on: 24h, 7d, 2026-03-01.' })),
    until: Type.Optional(text({ placeholder: 'TIME', description: 'Before then, written alike.' })),
    limit: count({ default: 50, minimum: 1, maximum: MAX_ENTRIES, description: 'How many at most, the newest.' }),
    json: onOff({ default: false, description: 'One JSON document a line for each entry, for programs.' }),
  },
  { additionalProperties: false },
);

export const auditCommand: Command = {
  words: ['audit'],
  summary: 'show who pushed, deleted and imported what, and who changed users and rights',
  about: [
    'Lists the audit log of the fleet, the newest first: the user (a dash for somebody without a login), what was done, from which address, through which node.',
    'Commands are in it, too: `shoal import`, and what changes users, robots and rights. Their user is `(administrator)`, and the client says which account of that host typed them.',
    'The coordinator writes each entry together with the change itself, so none is missing. It keeps audit.maxEntries of them, and none for longer than audit.maxAgeMs.',
    ADMIN_HOST_NOTE,
  ],
  examples: [
    { does: 'What did alice do this week?', line: 'shoal audit --user alice --since 7d' },
    { does: 'Who was given what?', line: 'shoal audit --action grant' },
    { does: 'Who deleted it?', line: 'shoal audit --repository team/app --action delete' },
    { does: 'All of a month, for a spreadsheet:', line: 'shoal audit --since 30d --limit 1000000 --json' },
  ],
  flags: flagsOf(Flags),
  settings: callSettings,
  async run(invocation) {
    const { terminal } = invocation;
    const { limit, json, ...conditions } = await readOwnFlags(Flags, invocation);
    const query = queryOf(conditions, systemClock.wallMs());
    const call = await openAdminCalls(invocation);
    const shown: AuditEntry[] = [];
    let before: number | undefined;
    for (let left = limit; left > 0;) {
      const path = pathOf({ ...query, ...beforeOf(before), limit: Math.min(left, MAX_AUDIT_PAGE) });
      const page = await call({ method: 'GET', path, answer: AuditPage });
      if (json) for (const entry of page.entries) terminal.out(`${JSON.stringify(entry)}\n`);
      else shown.push(...page.entries);
      left -= page.entries.length;
      before = page.entries.at(-1)?.id;
      if (!page.hasMore) break;
    }
    if (!json) terminal.out(renderAudit(shown));
    return 0;
  },
};

type Query = Readonly<Record<string, string | number>>;

function beforeOf(before: number | undefined): Query {
  return before === undefined ? {} : { before };
}

function pathOf(query: Query): string {
  const pairs = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
  return `/api/audit?${new URLSearchParams(pairs).toString()}`;
}

function queryOf(
  conditions: {
    readonly repository?: string;
    readonly user?: string;
    readonly anonymous: boolean;
    readonly action?: string;
    readonly since?: string;
    readonly until?: string;
  },
  nowMs: number,
): Query {
  if (conditions.anonymous && conditions.user !== undefined)
    throw new AppError('config_invalid', 'choose one of --user and --anonymous');
  const { repository, user, anonymous, action, since, until } = conditions;
  return {
    ...(repository === undefined ? {} : { repository }),
    ...(user === undefined ? {} : { user }),
    ...(anonymous ? { user: '' } : {}),
    ...(action === undefined ? {} : { action }),
    ...(since === undefined ? {} : { sinceMs: parsePointInTime(since, nowMs, '--since') }),
    ...(until === undefined ? {} : { untilMs: parsePointInTime(until, nowMs, '--until') }),
  };
}
