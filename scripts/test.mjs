// `npm test`: installs and builds what is missing, then runs the tests, one group after another.
//
//   npm test                          everything
//   npm test -- unit integration      only these groups
//   npm test -- test/unit/a.test.ts   only these files
//   npm test -- --only swarm          only files whose path contains the text
//
// A group is a folder under test/. The last line is "N passed, N failed, N skipped".

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureInstalled, root, runScript, say, SetupError } from './setup.mjs';

const MINUTE_MS = 60_000;
/**
 * In the order of running: what fails fastest comes first. `parallel` is how many files run at once. A test has `testMs`
 * and a whole file `fileMs`: several times what they take on two busy processors, so that only what hangs is ended.
 */
const GROUPS = [
  { name: 'unit', parallel: availableParallelism(), testMs: MINUTE_MS, fileMs: 3 * MINUTE_MS, needsBuild: false },
  { name: 'contract', parallel: availableParallelism(), testMs: MINUTE_MS, fileMs: 3 * MINUTE_MS, needsBuild: false },
  {
    name: 'simulation',
    parallel: availableParallelism(),
    testMs: 2 * MINUTE_MS,
    fileMs: 5 * MINUTE_MS,
    needsBuild: false,
  },
  {
    name: 'integration',
    parallel: availableParallelism(),
    testMs: 3 * MINUTE_MS,
    fileMs: 5 * MINUTE_MS,
    needsBuild: true,
  },
  // Real clients and whole fleets: they would only take the processors from each other.
  { name: 'e2e', parallel: 1, testMs: 4 * MINUTE_MS, fileMs: 8 * MINUTE_MS, needsBuild: true },
];

await runScript(async () => {
  await ensureInstalled();
  const plan = await makePlan(process.argv.slice(2));
  // Every process that the tests start inherits this, so that what they leave behind can be found.
  const runId = randomUUID();
  const total = { pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  let isFailed = false;
  for (const { group, files } of plan) {
    if (group.needsBuild && !(await isBuildReady())) {
      total.fail += files.length;
      say(`${group.name}: not run`);
      continue;
    }
    say(`${group.name}: ${files.length} test file${files.length === 1 ? '' : 's'}`);
    const { code, counts } = await runGroup(group, files, runId);
    for (const key of Object.keys(total)) total[key] += counts[key];
    isFailed ||= code !== 0;
  }
  total.fail += await endLeakedProcesses(runId);
  const failures = total.fail + total.cancelled;
  console.log(`${total.pass} passed, ${failures} failed, ${total.skipped + total.todo} skipped`);
  if (isFailed || failures > 0) process.exitCode = 1;
});

/** @returns {Promise<{group: typeof GROUPS[number], files: string[]}[]>} */
async function makePlan(args) {
  const { values, positionals } = parseArguments(args);
  const chosen = new Map(GROUPS.map((group) => [group.name, []]));
  const names = positionals.length === 0 ? [...chosen.keys()] : positionals;
  for (const name of names) {
    if (chosen.has(name)) chosen.set(name, await findTests(join(root, 'test', name)));
    else addFile(chosen, name);
  }
  const isWanted = (file) => values.only === undefined || file.includes(values.only);
  const plan = GROUPS.map((group) => ({ group, files: [...new Set(chosen.get(group.name))].filter(isWanted).sort() }));
  const nonEmpty = plan.filter((step) => step.files.length > 0);
  if (nonEmpty.length === 0) throw new SetupError('no test file matches');
  return nonEmpty;
}

function parseArguments(args) {
  try {
    return parseArgs({ args, options: { only: { type: 'string' } }, allowPositionals: true });
  } catch (error) {
    throw new SetupError(`${error.message}; usage: npm test -- [group | file]... [--only text]`);
  }
}

function addFile(chosen, path) {
  const file = relative(root, resolve(path));
  const group = /^test\/([a-z0-9]+)\/.*\.test\.ts$/.exec(file)?.[1];
  if (!chosen.has(group))
    throw new SetupError(`${path} is neither a group (${[...chosen.keys()].join(', ')}) nor a test file`);
  chosen.get(group).push(file);
}

async function findTests(folder) {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith('.test.ts')).map((name) => relative(root, join(folder, name)));
}

/** A build that fails takes only the groups that need it with it. */
async function isBuildReady() {
  try {
    await ensureBuilt();
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return false;
  }
}

async function runGroup(group, files, runId) {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-test-counts-'));
  const countsFile = join(folder, 'counts.json');
  const args = [
    '--import',
    'tsx',
    '--import',
    new URL('test-time-limit.mjs', import.meta.url).href,
    '--test',
    `--test-concurrency=${group.parallel}`,
    `--test-timeout=${group.fileMs}`,
  ];
  args.push('--test-reporter=spec', '--test-reporter-destination=stdout');
  args.push('--test-reporter=./scripts/count-reporter.mjs', `--test-reporter-destination=${countsFile}`);
  const env = { ...process.env, SHOAL_TEST_RUN: runId, SHOAL_TEST_LIMIT_MS: String(group.testMs) };
  if (group.needsBuild) env.SHOAL_TEST_DIST = '1';
  const code = await run(process.execPath, [...args, ...files], env);
  const counts = JSON.parse(await readFile(countsFile, 'utf8').catch(() => '{}'));
  await rm(folder, { recursive: true, force: true });
  return { code, counts: { pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0, ...counts } };
}

function run(command, args, env) {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.once('error', reject);
    child.once('exit', (code) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolvePromise(code ?? 1);
    });
  });
}

/** A test that leaves a process behind is wrong even when it passes. Linux only: elsewhere none is found, 0. */
async function endLeakedProcesses(runId) {
  let count = 0;
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '');
    if (!environment.includes(`SHOAL_TEST_RUN=${runId}`)) continue;
    const command = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    say(`left behind by a test: process ${name}: ${command}`);
    count += 1;
    end(Number(name));
  }
  return count;
}

function end(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it ended by itself meanwhile
  }
}
