// The users of the fleet and their rights as this node knows them: heard from the coordinator, kept on disk for the time when it
// is away, and counting no longer than its signature says.
//
//   none ── heard ──▶ in use ── nothing heard for its life ──▶ run out (everybody is denied)
//                       ▲ └─ changed, a twentieth of its life is over, a new session: asked for again ─┐
//                       └──────────────────────────────── heard ◀─────────────────────────────────────┘

import { createHash } from 'node:crypto';
import { Check } from 'typebox/value';
import {
  openSignedPolicy,
  SignedPolicy,
  type AccessPolicyDocument,
  type PolicyAccount,
} from '../../shared/access/access-policy.ts';
import { readPrivateFile, writePrivateFile } from '../../shared/identity/private-file.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { Seldom } from '../../shared/runtime/seldom.ts';
import { Rights } from './rights.ts';

/** It is asked for again when this share of its life is over, so that many attempts fit before it runs out. */
const REFRESH_SHARE = 1 / 10;
/** Longest wait before it is asked for again: the clock of a machine that slept stood still meanwhile. */
const MAX_REFRESH_MS = 60 * 60 * 1000;
/** Wait after the coordinator did not give it although there is a session. */
const RETRY_MS = 5000;
/** What goes wrong again and again is told at most so often. */
const WARN_EVERY_MS = 60_000;

/** @property version changes with the password or the secret, and tells nothing of it. */
export type KnownAccount = PolicyAccount & { readonly version: string };

/** The users of the fleet, for as long as they count. */
interface PolicyInUse {
  readonly accounts: ReadonlyMap<string, KnownAccount>;
  readonly rights: Rights;
  readonly removedNodes: ReadonlySet<string>;
}

export interface FleetPolicyDeps {
  readonly clock: Clock;
  readonly link: CoordinatorLink;
  readonly log: Logger;
}

export interface FleetPolicyOptions {
  /** A private file. */
  readonly path: string;
  /** The authority of the fleet, PEM. */
  readonly ca: string;
  readonly fleetId: string;
  /** Whether what is granted to everybody counts. */
  readonly anonymous: 'granted' | 'refused';
}

export class FleetPolicy implements AsyncDisposable {
  readonly #deps: FleetPolicyDeps;
  readonly #options: FleetPolicyOptions;
  readonly #stopping = new AbortController();
  readonly #unlisten: () => void;
  #heard: { readonly document: AccessPolicyDocument; readonly inUse: PolicyInUse } | undefined;
  #timer: Scheduled | undefined;
  #asking: Promise<void> | undefined;
  #askAgain = false;
  #isRunOutTold = false;
  readonly #warnings: Seldom;

  private constructor(deps: FleetPolicyDeps, options: FleetPolicyOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#warnings = new Seldom(deps, { everyMs: WARN_EVERY_MS });
    this.#unlisten = deps.link.listen({
      onConnected: () => this.#ask(),
      onEvent: ({ type }) => {
        if (type === 'access.changed') this.#ask();
      },
    });
  }

  /** Takes up what is on disk, and asks for what there is now. A file that is damaged counts as none. */
  static async open(deps: FleetPolicyDeps, options: FleetPolicyOptions): Promise<FleetPolicy> {
    const kept = await readKept(deps, options);
    const policy = new FleetPolicy(deps, options);
    if (kept !== undefined) policy.#take(kept);
    if (deps.link.isConnected) policy.#ask();
    else policy.#later(0);
    return policy;
  }

  /** @throws {AppError} `access_denied` when it ran out, or never came, saying so. */
  get current(): PolicyInUse {
    const problem = this.problem;
    if (problem === undefined && this.#heard !== undefined) return this.#heard.inUse;
    throw new AppError('access_denied', problem ?? 'the users of the fleet are not known');
  }

  /** Why nobody is let in; undefined while users are known. */
  get problem(): string | undefined {
    if (this.#heard === undefined) {
      return 'this node has not heard from the coordinator yet who may log in; everybody is denied until then';
    }
    const { issuedAtMs, expiresAtMs } = this.#heard.document;
    if (this.#deps.clock.wallMs() < expiresAtMs) return undefined;
    const when = new Date(issuedAtMs).toISOString();
    return `this node last heard from the coordinator at ${when} who may log in, which counts no longer (users.policyLifeMs); everybody is denied until it is back. Is its clock right?`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlisten();
    this.#timer?.cancel();
    this.#stopping.abort(new AppError('shutting_down', 'the node is stopping'));
    await this.#asking;
  }

  /** Asks once, and once more when it changed while the answer was on its way. */
  #ask(): void {
    if (this.#asking !== undefined) {
      this.#askAgain = true;
      return;
    }
    this.#askAgain = false;
    this.#asking = this.#hear().finally(() => {
      this.#asking = undefined;
      if (this.#askAgain && !this.#stopping.signal.aborted) this.#ask();
    });
  }

  /** Never rejects. */
  async #hear(): Promise<void> {
    const { link, log } = this.#deps;
    this.#timer?.cancel();
    try {
      const signed = await link.call('access.policy', {}, this.#stopping.signal);
      this.#take(openSignedPolicy(signed, this.#options));
      this.#later(0);
      await this.#keep(signed);
    } catch (err) {
      if (this.#stopping.signal.aborted) return;
      this.#later(RETRY_MS);
      // The link itself says that the coordinator is away.
      if (!isAppError(err, 'coordinator_unreachable', 'shutting_down'))
        this.#warnings.act(() => {
          log.warn({ err }, 'the coordinator gives no users that count; those known before stay in use');
        });
    }
  }

  /** A full disk costs no more than that a restart without the coordinator denies everybody. */
  async #keep(signed: SignedPolicy): Promise<void> {
    const { path } = this.#options;
    try {
      await writePrivateFile(path, `${JSON.stringify(signed)}\n`);
    } catch (err) {
      this.#warnings.act(() => this.#deps.log.warn({ path, err }, 'could not write down the users of the fleet'));
    }
  }

  #take(document: AccessPolicyDocument): void {
    const { log } = this.#deps;
    const { accounts, grants, removedNodes } = document;
    const isCounted = ({ who }: { readonly who: string }): boolean =>
      who !== 'anonymous' || this.#options.anonymous === 'granted';
    const rights = new Rights(
      grants.filter(isCounted).map(({ actions, ...grant }) => ({ ...grant, actions: new Set(actions) })),
    );
    const isFirst = this.#heard === undefined;
    this.#heard = {
      document,
      inUse: {
        accounts: new Map(accounts.map((account) => [account.name, { ...account, version: versionOf(account) }])),
        rights,
        removedNodes: new Set(removedNodes),
      },
    };
    this.#isRunOutTold = false;
    if (isFirst && accounts.length === 0)
      log.warn({}, 'the fleet has no users, so nobody can log in; make one on its host: shoal user add NAME');
  }

  /** Asks again in time, and says when it ran out. */
  #later(atLeastMs: number): void {
    const { clock, link, log } = this.#deps;
    this.#timer?.cancel();
    if (this.#stopping.signal.aborted) return;
    if (this.#heard !== undefined && this.problem !== undefined && !this.#isRunOutTold) {
      this.#isRunOutTold = true;
      log.error({ problem: this.problem }, 'the users of the fleet are not known any more');
    }
    this.#timer = clock.schedule(Math.max(atLeastMs, this.#dueInMs()), () => {
      if (link.isConnected) this.#ask();
      else this.#later(0); // the next session asks
    });
  }

  #dueInMs(): number {
    if (this.#heard === undefined) return RETRY_MS;
    const { issuedAtMs, expiresAtMs } = this.#heard.document;
    const nowMs = this.#deps.clock.wallMs();
    const dueMs = issuedAtMs + (expiresAtMs - issuedAtMs) * REFRESH_SHARE;
    const nextMs = nowMs < dueMs ? dueMs : expiresAtMs;
    return nowMs < nextMs ? Math.min(MAX_REFRESH_MS, nextMs - nowMs) : MAX_REFRESH_MS;
  }
}

function versionOf(account: PolicyAccount): string {
  const hash = account.kind === 'user' ? account.passwordHash : account.secretHash;
  return createHash('sha256').update(hash).digest('base64url').slice(0, 22);
}

async function readKept(
  { log }: FleetPolicyDeps,
  options: FleetPolicyOptions,
): Promise<AccessPolicyDocument | undefined> {
  const text = await readPrivateFile(options.path, log);
  if (text === undefined) return undefined;
  try {
    const signed: unknown = JSON.parse(text);
    if (Check(SignedPolicy, signed)) return openSignedPolicy(signed, options);
  } catch (err) {
    log.warn({ path: options.path, err }, 'the users of the fleet on disk cannot be read; they are asked for anew');
  }
  return undefined;
}
