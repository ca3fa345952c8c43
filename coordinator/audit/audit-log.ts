// The audit log: who did what to which repository, user or right, when, from where. An entry is written with what it tells of, in one transaction.
// Bounded by number and age: the oldest entries go first.

import { MAX_AUDIT_PAGE, type AuditEntry, type AuditPage, type AuditQuery } from '../../shared/protocol/audit-api.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { AccountChange, Administrator } from '../changes/account-change.ts';
import type { ChangeKeeper } from '../changes/change-recorder.ts';
import type { RecordedChange } from '../changes/registry-change.ts';
import type { AuditRow } from '../database/audit-table.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/** How often entries that became too old are looked for: they are kept for days, so minutes do not matter. */
const TRIM_EVERY_MS = 60_000;
/** Entries that go in one transaction, the rest a second later: less than ten milliseconds of everybody's time. */
const TRIM_STEPS = 1000;
/** With each new entry so many old ones may go besides, so that a lower limit is reached also without a pause. */
const MORE_STEPS = 10;
/** Pause between two such transactions. */
const TRIM_PAUSE_MS = 1000;
/** Entries in an answer when nothing else is asked: what fits a few screens. */
const DEFAULT_PAGE = 100;

export interface AuditOptions {
  readonly maxEntries: number;
  readonly maxAgeMs: number;
  /** Whether pulls are kept, too. */
  readonly pulls: boolean;
}

export class AuditLog implements ChangeKeeper, Disposable {
  readonly #deps: { readonly clock: Clock; readonly database: FleetDatabase; readonly log: Logger };
  readonly #options: AuditOptions;
  #timer: Scheduled | undefined;

  constructor(
    deps: { readonly clock: Clock; readonly database: FleetDatabase; readonly log: Logger; readonly metrics: Metrics },
    options: AuditOptions,
  ) {
    this.#deps = deps;
    this.#options = options;
    deps.metrics.gaugeOf({ name: 'shoal_audit_entries', help: 'Entries of the audit log.' }, () =>
      deps.database.audit.count(),
    );
    this.#scheduleTrim(TRIM_PAUSE_MS);
  }

  add(changes: readonly RecordedChange[]): void {
    const { audit } = this.#deps.database;
    const kept = this.#options.pulls ? changes : changes.filter(({ action }) => action !== 'pull');
    for (const { action, kind, repository, digest, tag, mediaType, fromRepository, occasion } of kept) {
      const { by, nodeId, atMs } = occasion;
      const { user, address, userAgent, requestId } = by;
      audit.add({
        atMs,
        action,
        kind,
        repository,
        digest: digest ?? null,
        tag: tag ?? null,
        mediaType: mediaType ?? null,
        fromRepository: fromRepository ?? null,
        account: null,
        rights: null,
        user,
        address,
        userAgent,
        requestId,
        nodeId,
      });
    }
    if (kept.length > 0) this.#trim(kept.length + MORE_STEPS);
  }

  /** What an administrator did to users and rights. Part of the caller's transaction. */
  addAccountChanges(changes: readonly AccountChange[], by: Administrator): void {
    const { clock, database } = this.#deps;
    const atMs = clock.wallMs();
    for (const change of changes) {
      const right = change.kind === 'right' ? change.right : undefined;
      database.audit.add({
        atMs,
        action: change.action,
        kind: change.kind,
        repository: right?.repositories ?? '',
        digest: null,
        tag: null,
        mediaType: null,
        fromRepository: null,
        account: change.account,
        rights: right?.actions.join(',') ?? null,
        ...by,
        nodeId: '',
      });
    }
    this.#trim(changes.length + MORE_STEPS);
  }

  /** A page of entries, the newest first. */
  read(query: AuditQuery): AuditPage {
    const { database } = this.#deps;
    const limit = Math.min(numberOf(query.limit) ?? DEFAULT_PAGE, MAX_AUDIT_PAGE);
    const { repository, user, action } = query;
    const rows = database.read('audit', () =>
      database.audit.find({
        repository,
        user,
        action,
        sinceMs: numberOf(query.sinceMs),
        untilMs: numberOf(query.untilMs),
        beforeId: numberOf(query.before),
        limit: limit + 1,
      }),
    );
    return { entries: rows.slice(0, limit).map(entryOf), hasMore: limit > 0 && rows.length > limit };
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  #scheduleTrim(afterMs: number): void {
    const { clock, database, log } = this.#deps;
    this.#timer = clock.schedule(afterMs, () => {
      let gone = 0;
      try {
        gone = database.change('audit', () => this.#trim(TRIM_STEPS));
      } catch (err) {
        log.error({ err }, 'old entries of the audit log cannot be deleted; trying again later');
      }
      this.#scheduleTrim(gone === TRIM_STEPS ? TRIM_PAUSE_MS : TRIM_EVERY_MS);
    });
  }

  #trim(steps: number): number {
    const { clock, database } = this.#deps;
    const { maxEntries, maxAgeMs } = this.#options;
    return database.audit.trim({ maxEntries, beforeMs: clock.wallMs() - maxAgeMs, steps });
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** Written above alone, so its words are those of the protocol. */
function entryOf(row: AuditRow): AuditEntry {
  const { action, kind, digest, tag, mediaType, fromRepository, account, rights, ...rest } = row;
  return {
    ...rest,
    action: action as AuditEntry['action'],
    kind: kind as AuditEntry['kind'],
    ...(digest === null ? {} : { digest }),
    ...(tag === null ? {} : { tag }),
    ...(mediaType === null ? {} : { mediaType }),
    ...(fromRepository === null ? {} : { fromRepository }),
    ...(account === null ? {} : { account }),
    ...(rights === null ? {} : { rights }),
  };
}
