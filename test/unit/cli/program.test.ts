import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import type { Command } from '../../../node/cli/command.ts';
import { COMMANDS } from '../../../node/cli/commands.ts';
import { runProgram } from '../../../node/cli/program.ts';
import { AppError, type ErrorCode } from '../../../shared/runtime/errors.ts';
import { address, count, onOff } from '../../../shared/runtime/settings.ts';
import { recordingTerminal, type RecordingTerminal } from '../../support/recording-terminal.ts';

const Settings = Type.Object({
  http: address({ default: '127.0.0.1:5000', description: 'Where it listens.' }),
  origin: onOff({ default: true, description: 'Keep everything.' }),
  limits: Type.Object(
    { sessions: count({ default: 7, minimum: 1, maximum: 9, description: 'Sessions at a time.' }) },
    { default: {} },
  ),
});

function commandThat(act: Command['run']): Command {
  return {
    words: ['try'],
    summary: 'try something',
    about: ['Tries something.'],
    examples: [{ does: 'Try it:', line: 'shoal try --fast' }],
    flags: [{ name: 'fast', description: 'Do it fast.' }],
    settings: () => Promise.resolve({ schema: Settings, defaults: { http: '0.0.0.0:1' }, alsoKnown: [] }),
    run: act,
  };
}

async function run(
  commands: readonly Command[],
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<RecordingTerminal & { readonly code: number }> {
  const terminal = recordingTerminal({ environment });
  const code = await runProgram(commands, { args, terminal, stop: new AbortController().signal });
  return Object.assign(terminal, { code });
}

test('shoal alone, help, --help and -h show the same page', async () => {
  const pages = await Promise.all([[], ['help'], ['--help'], ['-h']].map((args) => run(COMMANDS, args)));

  assert.equal(new Set(pages.map(({ output }) => output)).size, 1);
  assert.ok(pages.every(({ code, messages }) => code === 0 && messages === ''));
  assert.equal(
    pages[0]?.output,
    `Shoal: a container registry that lives on every host.

usage: shoal <command> [flags]

To begin, start a registry on this host, and push to it from another terminal:

    shoal up --data ./.shoal
    docker push localhost:5000/team/app:v1

  up                       run a coordinator and a node in one process: all that
                           a single host needs
  coordinator              run the coordinator alone, on a host of its own
  node                     run a node; its first start needs --coordinator and
                           --join
  serve                    take the place of a registry:2 container, with its
                           configuration file
  token create             print a token that lets a new host join the fleet
  node remove              take a host out of the fleet, for good
  status                   show the fleet: nodes, roles, health, blobs, running
                           downloads
  rollout                  follow an image through the fleet: which hosts have
                           it, how far the others are
  pulls                    show what this host pulled lately, from which peers,
                           and why it took so long
  gc                       delete blobs that no manifest names any more, on all
                           hosts
  audit                    show who pushed, deleted and imported what, and who
                           changed users and rights
  notifications list       tell which receivers get events, and what became of
                           each
  notifications redeliver  send an event of the delivery log again, or all that
                           failed
  import                   bring in the images of a registry:2, from its folder
                           or its address
  user add                 make a user of the fleet, who logs in at every node
  user list                list the users of the fleet and what they may do
  user grant               let a user or robot do something in some repositories
  user revoke              take a right back
  user passwd              give a user another password
  user remove              take a user out of the fleet, with all rights
  robot create             make a robot account for CI and hosts, and print its
                           secret once
  robot list               list robot accounts, when they end and what they may
                           do
  robot revoke             take a robot account away, with its secret and rights
  version                  print the version and the protocol numbers

\`shoal help <command>\` shows what a command does, with examples and every flag.

Settings come from flags, then the environment (--http is SHOAL_HTTP), then a
YAML file (--config FILE), then defaults.

exit codes: 0 done, 1 failed, 2 wrong usage, 3 not reachable
`,
  );
});

test('A setting without a default says in words what holds without it, unless the command has one', async () => {
  const [ofNode, ofUp] = await Promise.all(
    ['node', 'up'].map(async (name) => (await run(COMMANDS, ['help', name])).output.replaceAll(/\s+/g, ' ')),
  );

  const words = 'A fleet needs at least one such origin. Default:';
  assert.ok(ofNode?.includes(`${words} what this node was before; off on its first start.`));
  assert.ok(ofUp?.includes(`${words} on.`));
});

test('The page of a command shows its flags with the defaults that it has', async () => {
  const command = commandThat(() => Promise.resolve(0));

  const page = await run([command], ['try', '--help']);

  assert.equal(page.output, (await run([command], ['help', 'try'])).output);
  assert.equal(
    page.output,
    `usage: shoal try [flags]

Tries something.

Try it:

    shoal try --fast

flags:

  --fast            Do it fast.
  --http HOST:PORT  Where it listens. Default: 0.0.0.0:1.
  --[no-]origin     Keep everything. Default: on.
  --config FILE     YAML file with settings; --http is \`http\` there, --log-level
                    is \`log: {level: …}\`.
  --help            This page.

details and limits:

  --limits-sessions NUMBER  Sessions at a time. Default: 7.
`,
  );
});

test('Every command has a page, no line of it wider than the terminal but commands to copy', async () => {
  for (const command of COMMANDS) {
    const { code, output } = await run(COMMANDS, ['help', ...command.words]);
    const wide = output.split('\n').filter((line) => line.length > 80 && !line.startsWith('    shoal '));

    assert.equal(code, 0);
    assert.deepEqual(wide, [], command.words.join(' '));
  }
});

test('A command gets its settings from flags, environment and its own defaults', async () => {
  const seen: unknown[] = [];
  const command = commandThat(async ({ config, flags }) => {
    seen.push(await config(Settings), flags);
    return 0;
  });

  await run([command], ['try', '--no-origin', '--fast'], { SHOAL_LIMITS_SESSIONS: '3' });

  assert.deepEqual(seen, [{ http: '0.0.0.0:1', origin: false, limits: { sessions: 3 } }, { fast: true }]);
});

test('Every mistake on the line is told at once, with what was meant, and nothing runs', async () => {
  let hasRun = false;
  const command = commandThat(() => {
    hasRun = true;
    return Promise.resolve(0);
  });

  const { code, messages, output } = await run(
    [command],
    ['try', '--htp', '1', 'word', '--http', '--fast', '--no-fsat', '--fast'],
  );

  assert.equal(code, 2);
  assert.equal(output, '');
  assert.equal(
    messages,
    'shoal try: there is no flag --htp; did you mean --http?\n' +
      '  "word" is one word too many\n' +
      '  --http needs a value\n' +
      '  there is no flag --no-fsat; did you mean --fast?\n' +
      '`shoal help try` shows its flags.\n',
  );
  assert.equal(hasRun, false);
});

test('A flag given twice is told', async () => {
  const { code, messages } = await run([commandThat(() => Promise.resolve(0))], ['try', '--http=a:1', '--http', 'b:1']);

  assert.equal(code, 2);
  assert.match(messages, /--http is given twice/);
});

test('An unknown command is answered with the nearest one', async () => {
  const said = async (...args: string[]): Promise<string> => (await run(COMMANDS, args)).messages.split('\n')[0] ?? '';

  assert.equal(await said('stauts'), 'shoal: there is no command "stauts"; did you mean "status"?');
  assert.equal(await said('token'), 'shoal: there is no command "token"; did you mean "token create"?');
  assert.equal(await said('help', 'nod'), 'shoal: there is no command "nod"; did you mean "node"?');
  assert.equal(await said('xyzzy'), 'shoal: there is no command "xyzzy"');
  assert.equal((await run(COMMANDS, ['xyzzy'])).code, 2);
});

test('Exit codes tell wrong usage, not reachable and failure apart', async () => {
  const cases: ReadonlyArray<readonly [ErrorCode, number]> = [
    ['config_invalid', 2],
    ['coordinator_unreachable', 3],
    ['join_refused', 1],
  ];
  for (const [code, expected] of cases) {
    const command = commandThat(() => Promise.reject(new AppError(code, 'the reason')));

    const result = await run([command], ['try']);

    assert.equal(result.code, expected);
    assert.equal(result.messages, 'shoal: the reason\n');
  }
});

test('What the operating system refuses is a sentence, a bug shows where it is', async () => {
  const taken = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', address: '127.0.0.1', port: 5000 });

  const refused = await run([commandThat(() => Promise.reject(taken))], ['try']);
  const file = Object.assign(new Error('ENOTDIR'), { code: 'ENOTDIR', path: 'data/authority' });
  const noFolder = await run([commandThat(() => Promise.reject(file))], ['try']);
  const bug = await run([commandThat(() => Promise.reject(new Error('a bug')))], ['try']);

  assert.match(refused.messages, /^shoal: 127\.0\.0\.1:5000 is in use by another program; choose another with --http/);
  assert.match(noFolder.messages, /^shoal: data\/authority cannot be made .* choose another folder with --data\n$/);
  assert.match(bug.messages, /a bug\n +at /);
  assert.deepEqual([refused.code, bug.code], [1, 1]);
});

test('version is the same as --version, and one document for programs', async () => {
  const plain = await run(COMMANDS, ['--version']);
  const json = await run(COMMANDS, ['version', '--json']);

  assert.match(plain.output, /^shoal \d+\.\d+\.\d+\nsession protocol \d+\npeer protocol \d+\n$/);
  assert.deepEqual(Object.keys(JSON.parse(json.output) as object), ['version', 'sessionProtocol', 'peerProtocol']);
});
