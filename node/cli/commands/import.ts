// `shoal import`

import { setMaxListeners } from 'node:events';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import Type, { type Static } from 'typebox';
import { CoordinatorConfig } from '../../../coordinator/config.ts';
import { dataSetting } from '../../../shared/runtime/base-settings.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { choice, count, list, onOff, text } from '../../../shared/runtime/settings.ts';
import { isRepositoryGlob, matchesGlob } from '../../../shared/access/repository-glob.ts';
import { AdminClient } from '../../admin/admin-client.ts';
import { NodeConfig } from '../../config.ts';
import { ADOPTION_MODES } from '../../content/blob-store.ts';
import type { ImportOptions } from '../../import/import-images.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { openSource, type SourceOptions } from '../import-source.ts';
import { countImages, runImport } from '../import-run.ts';
import { renderDryRun, renderImport } from '../import-view.ts';
import { flagsOf, readOwnFlags } from '../own-flags.ts';
import { ownUserAgent } from '../own-user-agent.ts';

/** Patterns of one command line, more are refused. */
const MAX_PATTERNS = 100;

/** Places that listen for the end at once, for each image that comes over; Node warns of more, which would be a leak. */
const LISTENERS_PER_JOB = 20;

const Settings = Type.Object({ data: dataSetting }, { additionalProperties: false });

const Flags = Type.Object(
  {
    dryRun: onOff({ default: false, description: 'Only say what would come over, and what is wrong with it.' }),
    mode: choice({
      choices: ADOPTION_MODES,
      default: 'auto',
      description:
        'How the files of a folder come in. link: as the same file under a second name, which takes no room. copy: as files of their own. auto: shared by the disk if it can (btrfs, xfs), else linked, else copied.',
    }),
    tags: choice({
      choices: ['keep', 'move'],
      default: 'keep',
      description: 'What happens to a tag that is here and points elsewhere: it stays, since it is newer, or moves.',
    }),
    only: list({
      maxItems: MAX_PATTERNS,
      default: [],
      description: 'Only repositories that match one of these patterns, as in "team/**,library/*".',
    }),
    jobs: count({
      default: 4,
      minimum: 1,
      maximum: 32,
      description: 'Images that come over at once. Four keep a disk busy.',
    }),
    user: Type.Optional(
      text({ placeholder: 'NAME', description: 'Who to be at the registry that FROM is the URL of.' }),
    ),
    passwordFile: Type.Optional(
      text({
        placeholder: 'FILE',
        description: 'Holds the password of --user; /dev/stdin for what is typed or piped in.',
      }),
    ),
    authority: Type.Optional(
      text({
        placeholder: 'FILE',
        description: 'Certificate that vouches for that registry, PEM, when the system does not know it.',
      }),
    ),
    alsoAllowed: list({
      maxItems: MAX_PATTERNS,
      default: [],
      description: 'HOST:PORT of token services and blob stores elsewhere that it may send us to.',
    }),
    json: onOff({ default: false, description: 'One JSON document at the end, for programs.' }),
  },
  { additionalProperties: false },
);

export const importCommand: Command = {
  words: ['import'],
  summary: 'bring in the images of a registry:2, from its folder or its address',
  about: [
    'Brings in all images of another registry, with their tags: FROM is the folder that the registry container has at /var/lib/registry, or the URL of a registry that runs. It is only read, so you can go back; the old registry may go on running meanwhile.',
    'The node on this host has to run; it takes the files over itself. Each is checked against its digest. What was stopped goes on where it was when it is run again, and a second run brings what is new since.',
    'Damaged images are named and left out, and the exit code is 1 then.',
  ],
  examples: [
    { does: 'What is there?', line: 'shoal import /var/lib/registry --dry-run' },
    { does: 'Bring it in:', line: 'shoal import /var/lib/registry' },
    { does: 'From another host:', line: 'shoal import http://old-registry:5000' },
    {
      does: 'From one that wants a login:',
      line: 'shoal import https://old.example --user ci --password-file ./password',
    },
    { does: 'Some repositories:', line: 'shoal import /var/lib/registry --only "team/**"' },
  ],
  operands: [{ name: 'FROM', isRequired: true }],
  flags: flagsOf(Flags),
  settings: () => Promise.resolve({ schema: Settings, defaults: {}, alsoKnown: [NodeConfig, CoordinatorConfig] }),
  async run(invocation) {
    const { terminal, stop } = invocation;
    const [from = ''] = invocation.operands;
    const flags = await readOwnFlags(Flags, invocation);
    setMaxListeners(LISTENERS_PER_JOB * flags.jobs, stop);
    const { dryRun, mode, tags: tagging, only, jobs, json } = flags;
    const { data } = await invocation.config(Settings);
    const isWanted = wanted(only);
    const named = only.every((pattern) => !pattern.includes('*')) ? only : [];
    using opened = await openSource({ clock: systemClock }, from, { ...pick(flags), named });
    const deps = { clock: systemClock, terminal, source: opened.source };
    const options: ImportOptions = { jobs, tagging, isWanted };
    if (dryRun) {
      const counted = await countImages(deps, { ...options, problems: 'tell' }, stop);
      const { counts, blobs, bytes } = counted;
      terminal.out(json ? jsonText({ isDryRun: true, ...counts, blobs, bytes }) : renderDryRun(counts, counted));
      return counts.problems.count > 0 ? EXIT.failed : EXIT.done;
    }
    using target = await AdminClient.open(await socketFor(data, from), {
      mode,
      maxCalls: 2 * jobs,
      userAgent: await ownUserAgent(),
    });
    const total = opened.kind === 'folder' ? await totalOf(deps, options, stop) : undefined;
    const { counts, runMs, failure } = await runImport({ ...deps, target }, { ...options, total }, stop);
    const isNothing = failure !== undefined && counts.repositories === 0;
    if (json) terminal.out(jsonText({ isDryRun: false, ...counts, runMs: Math.round(runMs) }));
    else if (!isNothing) terminal.out(renderImport(counts, runMs));
    if (failure === undefined) return counts.problems.count > 0 ? EXIT.failed : EXIT.done;
    terminal.say(
      isNothing ? 'Nothing came over.\n' : 'What came over is whole. Run the same again to go on where this ended.\n',
    );
    if (stop.aborted) return EXIT.failed;
    throw failure;
  },
};

function pick(flags: Readonly<Static<typeof Flags>>): Omit<SourceOptions, 'named'> {
  const { user, passwordFile, authority, alsoAllowed } = flags;
  return { user, passwordFile, authority, alsoAllowed };
}

/** Reading a folder twice is quick; asking a registry everything twice is not. */
async function totalOf(
  deps: Parameters<typeof countImages>[0],
  options: ImportOptions,
  signal: AbortSignal,
): Promise<{ readonly manifests: number; readonly bytes: number }> {
  const { counts, bytes } = await countImages(deps, { ...options, problems: 'later' }, signal);
  return { manifests: counts.manifests.brought, bytes };
}

/** A registry that serves in the place of the container has its data in a folder of the container's. */
async function socketFor(data: string, from: string): Promise<string> {
  const own = dataFolder(data).nodeSocket;
  const beside = dataFolder(join(resolve(from), 'shoal')).nodeSocket;
  return !(await isThere(own)) && (await isThere(beside)) ? beside : own;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false, // also one that is not for us to see; opening it says so
  );
}

function wanted(patterns: readonly string[]): (repository: string) => boolean {
  const wrong = patterns.find((pattern) => !isRepositoryGlob(pattern));
  if (wrong !== undefined)
    throw new AppError('config_invalid', `--only: "${wrong}" matches no repository; write as in "team/**"`);
  return (repository) => patterns.length === 0 || patterns.some((pattern) => matchesGlob(pattern, repository));
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
