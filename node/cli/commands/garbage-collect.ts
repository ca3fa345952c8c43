// `registry garbage-collect`

import { access } from 'node:fs/promises';
import Type from 'typebox';
import type { CoordinatorTarget } from '../../../shared/protocol/coordinator-api.ts';
import type { CollectionRequest } from '../../../shared/protocol/collection-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { AppError, isAppError } from '../../../shared/runtime/errors.ts';
import { createLogger, type Logger } from '../../../shared/runtime/log.ts';
import { readProgramVersion } from '../../../shared/runtime/program-version.ts';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import { onOff } from '../../../shared/runtime/settings.ts';
import { NodeConfig } from '../../config.ts';
import { PATH_VARIABLE, readRegistryConfig } from '../../registry-config/read-registry-config.ts';
import { runCollection, type CollectionRun } from '../collection-run.ts';
import { renderRemoval } from '../collection-view.ts';
import type { Command, Flag } from '../command.ts';
import { callsTo, START_ADVICE } from '../coordinator-calls.ts';
import { adminTarget } from '../fleet-access.ts';
import { eligibleLines, markingLines, type MarkedManifest } from '../garbage-collect-view.ts';
import { keptContent } from '../kept-content.ts';
import { chooseFormat } from '../log-format.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { givenBy } from '../registry-settings.ts';
import { SERVE_DEFAULTS } from '../serve-defaults.ts';
import { startForMaintenance } from '../maintenance-start.ts';
import type { Terminal } from '../terminal.ts';
import { UpConfig } from '../up-config.ts';

const Flags = Type.Object(
  {
    dryRun: onOff({ default: false, description: 'Only say what would be deleted.' }),
    deleteUntagged: onOff({
      default: false,
      description: 'Also delete manifests that no tag, no index and no subject leads to.',
    }),
    quiet: onOff({ default: false, description: 'Numbers alone, not every manifest and blob.' }),
  },
  { additionalProperties: false },
);
/** Those of the original. */
const SHORT: Readonly<Record<string, string>> = { 'dry-run': 'd', 'delete-untagged': 'm', quiet: 'q' };
const ownFlags: readonly Flag[] = flagsOf(Flags).map((flag) => {
  const short = SHORT[flag.name];
  return short === undefined ? flag : { ...flag, short };
});

export const garbageCollectCommand: Command = {
  words: ['garbage-collect'],
  summary: 'delete blobs that no manifest names any more',
  about: [
    'Asks the registry that runs on this configuration, which goes on serving and taking pushes: nothing has to be stopped or made read-only. When none runs it does the same by itself, and ends.',
    'A registry collects by itself a day after something was deleted (collection.deleteDelayMs), so this is for those who want the space now.',
    `CONFIG is the file that the registry is started with; else ${PATH_VARIABLE} names it, else variables and defaults alone count.`,
  ],
  examples: [
    { does: 'What would be deleted:', line: 'registry garbage-collect --dry-run /etc/docker/registry/config.yml' },
    {
      does: 'Also old builds, whose tag has moved on:',
      line: 'registry garbage-collect -m /etc/docker/registry/config.yml',
    },
  ],
  operands: [{ name: 'CONFIG', isRequired: false }],
  flags: ownFlags,
  settings: () => Promise.resolve({ schema: UpConfig, defaults: SERVE_DEFAULTS, alsoKnown: [NodeConfig] }),
  async run(invocation) {
    const { terminal, stop } = invocation;
    const { dryRun: isDryRun, deleteUntagged, quiet } = await readOwnFlags(Flags, invocation);
    const path = invocation.operands[0] ?? (terminal.environment[PATH_VARIABLE] || undefined);
    const registry = await readRegistryConfig({ path, environment: terminal.environment });
    const config = await invocation.config(UpConfig, givenBy(registry));
    const log = createLogger({ level: 'error', format: chooseFormat(config.log.format, terminal) });
    const asking = { terminal, log, isQuiet: quiet, request: { isDryRun, deleteUntagged } };
    if (!(await isThere(dataFolder(config.data).database))) {
      terminal.say(`nothing was pushed yet: there is no registry of Shoal in ${config.data}\n`);
      terminal.out('\n0 blobs marked, 0 blobs and 0 manifests eligible for deletion\n');
      return 0;
    }
    try {
      await collect(asking, await adminTarget(config.data, log), stop);
    } catch (error) {
      if (!isAppError(error, 'coordinator_unreachable')) throw error;
      await collectAlone(asking, config, stop);
    }
    return 0;
  },
};

interface Asking {
  readonly terminal: Terminal;
  readonly log: Logger;
  readonly isQuiet: boolean;
  readonly request: CollectionRequest;
}

async function collect(asking: Asking, target: CoordinatorTarget, signal: AbortSignal): Promise<void> {
  const { terminal, isQuiet, request } = asking;
  const call = callsTo(target, { advice: START_ADVICE }, signal);
  const say = (text: string): void => {
    if (terminal.isAttended) terminal.say(text);
  };
  const { result, state }: CollectionRun = await runCollection({ clock: systemClock, call, say }, request, signal);
  if (!isQuiet) {
    const going = new Set(result.manifests.named.map(nameOf));
    let before: MarkedManifest | undefined;
    for await (const manifest of keptContent(call)) {
      if (going.has(nameOf(manifest))) continue;
      terminal.out(markingLines(manifest, before));
      before = manifest;
    }
  }
  terminal.out(eligibleLines(result, state.kept, { isDryRun: request.isDryRun, isQuiet }));
  if (!request.isDryRun) terminal.say(renderRemoval(result, state.removing));
}

function nameOf({ repository, digest }: Pick<MarkedManifest, 'repository' | 'digest'>): string {
  return `${repository}@${digest}`;
}

/** No registry runs on this data: it is opened by this process for as long as that takes. */
async function collectAlone(asking: Asking, config: UpConfig, signal: AbortSignal): Promise<void> {
  const { terminal, log } = asking;
  const version = await readProgramVersion();
  await using resources = new ResourceStack();
  terminal.say('no registry runs on this configuration; collecting without one\n');
  await startForMaintenance(config, { clock: systemClock, log, version, resources }, signal).catch((error: unknown) => {
    throw withAdvice(error);
  });
  await collect(asking, await adminTarget(config.data, log), signal);
}

/** Another process that cannot be reached from here has the data: that of another container. */
function withAdvice(error: unknown): unknown {
  if (!isAppError(error, 'config_invalid')) return error;
  const advice =
    'A registry runs on it where this command does not reach it. Run this there: `docker exec CONTAINER registry garbage-collect CONFIG`';
  return new AppError(error.code, `${error.message}. ${advice}`, { cause: error });
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false, // or not for us to see, which opening it would say
  );
}
