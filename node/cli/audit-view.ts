// Entries of the audit log as lines for people. Pure.

import type { AuditEntry } from '../../shared/protocol/audit-api.ts';
import { ADMINISTRATOR } from '../../shared/protocol/requester.ts';
import { plain, table, type Column } from './text-table.ts';

/** Characters of a digest that people compare. */
const DIGEST_CHARS = 19;

const COLUMNS: readonly Column[] = [
  { title: 'TIME', align: 'left' },
  { title: 'USER', align: 'left' },
  { title: 'ACTION', align: 'left' },
  { title: 'WHAT', align: 'left' },
  { title: 'FROM', align: 'left' },
  { title: 'THROUGH', align: 'left' },
  { title: 'CLIENT', align: 'left' },
];

/** The newest first, as they come. Ends with a line end. */
export function renderAudit(entries: readonly AuditEntry[]): string {
  if (entries.length === 0) return 'nothing of that kind is in the audit log\n';
  return `${table(COLUMNS, entries.map(cellsOf)).join('\n')}\n`;
}

function cellsOf(entry: AuditEntry): string[] {
  const { atMs, user, action, kind, address, nodeId, userAgent } = entry;
  const time = new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
  // Of a command the rest says who typed it.
  const client = user === ADMINISTRATOR ? userAgent : (userAgent.split(' ')[0] ?? '');
  return [
    `${time}Z`,
    user === '' ? '-' : user,
    `${action} ${kind}`,
    whatOf(entry),
    address,
    nodeId === '' ? 'coordinator' : nodeId,
    client,
  ].map(plain);
}

function whatOf(entry: AuditEntry): string {
  const { repository, tag, digest, fromRepository, account, rights } = entry;
  if (account !== undefined) return rights === undefined ? account : `${account} ${rights} ${repository}`;
  const tagged = tag === undefined ? repository : `${repository}:${tag}`;
  const exact = digest === undefined ? tagged : `${tagged}@${digest.slice(0, DIGEST_CHARS)}`;
  return fromRepository === undefined ? exact : `${exact} of ${fromRepository}`;
}
