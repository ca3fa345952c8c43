// Makes a checkout runnable: installs the packages and builds dist/, each only when needed.
// It runs before anything is installed, so it uses nothing but Node's own modules, in plain JavaScript.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MINIMUM_NODE = [20, 19];
const SOURCE_FOLDERS = ['node', 'coordinator', 'shared', 'scripts'];
const BUILD_SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/** The checkout's top folder, absolute. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What `node` must run to be the shoal program; there after `ensureBuilt`. */
export const mainFile = join(root, 'dist/node/main.js');

/** What `node` must run to be the registry program, the command line of the registry container; there after `ensureBuilt`. */
export const registryMainFile = join(root, 'dist/node/registry-main.js');

const buildStamp = join(root, 'dist/.build.json');

/** A failure with a message for a person; the scripts print it without a stack. */
export class SetupError extends Error {}

/** While npm runs, something is said this often. */
const SAY_EVERY_MS = 20_000;

/** Tells a person what is going on. Always on stderr, since stdout belongs to the program's results. */
export function say(text) {
  process.stderr.write(`shoal: ${text}\n`);
}

/** Runs `main`, printing a SetupError as one message and ending with exit code 1. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

/** Installs the packages of package-lock.json unless exactly those are there and load in this Node. */
export async function ensureInstalled() {
  checkNodeVersion();
  if (await isInstalled()) return;
  await withLock(async () => {
    if (await isInstalled()) return; // another process did it while we waited
    if (await hasRightPackages()) await rebuildAddon();
    else await install();
  });
}

/** Compiles the sources into dist/ unless it was built from exactly these sources. */
export async function ensureBuilt() {
  const sources = await describeSources();
  if (await isBuilt(sources)) return;
  await withLock(async () => {
    if (await isBuilt(sources)) return;
    await build(sources);
  });
}

function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  throw new SetupError(`needs Node ${MINIMUM_NODE.join('.')} or newer; this is ${process.versions.node}`);
}

// --- packages ---

async function isInstalled() {
  return (await hasRightPackages()) && addonLoads();
}

/** npm keeps a copy of what it installed in node_modules/.package-lock.json; optional packages depend on the platform. */
async function hasRightPackages() {
  const wanted = await readJson(join(root, 'package-lock.json'));
  const present = await readJson(join(root, 'node_modules/.package-lock.json'));
  if (wanted === undefined) throw new SetupError('package-lock.json is missing from this checkout');
  if (present === undefined) return false;
  for (const [path, entry] of Object.entries(wanted.packages)) {
    if (path === '' || entry.optional || entry.devOptional || entry.peer) continue;
    if (present.packages[path]?.version !== entry.version) return false;
  }
  return true;
}

/** A compiled addon belongs to one Node ABI, so a change of Node makes it useless without any file changing. */
function addonLoads() {
  try {
    const Database = createRequire(join(root, 'package.json'))('better-sqlite3');
    new Database(':memory:').close();
    return true;
  } catch {
    return false; // absent or made for another Node: both are mended by installing
  }
}

async function install() {
  say('installing packages (npm ci); the first time this takes a minute');
  const code = await runNpm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  if (code === 0 && addonLoads()) return;
  throw new SetupError(await explainFailedInstall());
}

async function rebuildAddon() {
  say(`building better-sqlite3 for Node ${process.versions.node}`);
  const code = await runNpm(['rebuild', 'better-sqlite3', '--loglevel=error']);
  if (code === 0 && addonLoads()) return;
  throw new SetupError(await explainFailedInstall());
}

async function runNpm(args) {
  const env = { ...process.env };
  const headers = await findNodeHeaders();
  if (headers !== undefined) env.npm_config_nodedir ??= headers;
  const startMs = performance.now();
  // npm says nothing while a compiler runs, which on a small machine is minutes.
  const tick = setInterval(() => {
    const seconds = Math.round((performance.now() - startMs) / 1000);
    say(`still at it after ${seconds} s; where better-sqlite3 is compiled this may take some minutes`);
  }, SAY_EVERY_MS);
  try {
    return await run('npm', args, { env, shell: process.platform === 'win32' });
  } finally {
    clearInterval(tick);
  }
}

/** Headers of exactly this Node, so that an addon can be compiled without fetching them. */
async function findNodeHeaders() {
  for (const prefix of [dirname(dirname(process.execPath)), '/usr', '/usr/local']) {
    const text = await readFile(join(prefix, 'include/node/node_version.h'), 'utf8').catch(() => '');
    const abi = /#define NODE_MODULE_VERSION (\d+)/.exec(text)?.[1];
    if (abi === process.versions.modules) return prefix;
  }
  return undefined;
}

async function explainFailedInstall() {
  const missing = [];
  for (const tool of ['python3', 'make', 'g++']) {
    if (!(await isOnPath(tool))) missing.push(tool);
  }
  if ((await findNodeHeaders()) === undefined)
    missing.push(`the headers of Node ${process.versions.node} (include/node)`);
  const reason =
    missing.length === 0
      ? 'npm says above what went wrong; is the package registry reachable?'
      : `if better-sqlite3 had to be compiled, this machine lacks: ${missing.join(', ')}`;
  return `the packages could not be installed. ${reason}`;
}

async function isOnPath(command) {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    if (await exists(join(folder, command))) return true;
  }
  return false;
}

// --- build ---

/** @returns {Promise<Record<string, string>>} path to size and time of change, for all that decides what dist/ holds. */
async function describeSources() {
  const described = {};
  for (const path of BUILD_SETTINGS) described[path] = await describe(path);
  for (const folder of SOURCE_FOLDERS) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = relative(root, join(entry.parentPath ?? entry.path, entry.name));
      described[path] = await describe(path);
    }
  }
  return described;
}

async function describe(path) {
  const { size, mtimeMs } = await stat(join(root, path));
  return `${size} ${mtimeMs}`;
}

function fingerprint(sources) {
  return createHash('sha256').update(JSON.stringify(sources)).digest('hex');
}

async function isBuilt(sources) {
  const stamp = await readJson(buildStamp);
  return stamp?.fingerprint === fingerprint(sources) && (await exists(mainFile));
}

async function build(sources) {
  say('building');
  const before = await readJson(buildStamp);
  const code = await run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ]);
  if (code !== 0) throw new SetupError('the build failed; the compiler says above why');
  if (!(await exists(mainFile))) throw new SetupError('the build made no dist/node/main.js');
  await copyAssets(Object.keys(sources));
  for (const path of before?.paths ?? []) {
    if (!(path in sources)) await removeOutput(path);
  }
  await writeFile(buildStamp, JSON.stringify({ fingerprint: fingerprint(sources), paths: Object.keys(sources) }));
}

/** What the compiler leaves alone (pages, styles, SQL) goes beside the compiled files unchanged. */
async function copyAssets(paths) {
  for (const path of paths) {
    if (path.endsWith('.ts') || !/^(node|coordinator|shared)\//.test(path)) continue;
    await mkdir(dirname(join(root, 'dist', path)), { recursive: true });
    await copyFile(join(root, path), join(root, 'dist', path));
  }
}

async function removeOutput(path) {
  const output = join(root, 'dist', path);
  const files = path.endsWith('.ts') ? [output.replace(/\.ts$/, '.js'), output.replace(/\.ts$/, '.js.map')] : [output];
  for (const file of files) await rm(file, { force: true });
}

// --- one at a time ---

/** Two programs started at once in a fresh checkout must not both install; the lock names its owner, so a dead one is no hindrance. */
async function withLock(work) {
  const lock = join(root, '.setup.lock');
  let told = false;
  for (;;) {
    const file = await open(lock, 'wx').catch((error) => {
      if (error.code === 'EEXIST') return undefined;
      if (error.code === 'EACCES' || error.code === 'EROFS') {
        throw new SetupError(
          `${root} is not built for what is in it, and may not be written; run scripts/shoal version as its owner`,
        );
      }
      throw error;
    });
    if (file !== undefined) {
      await file.writeFile(String(process.pid));
      await file.close();
      break;
    }
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true });
    if (!told) say('waiting for another process that installs or builds here');
    told = true;
    await sleep(200);
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// --- small things ---

/** Output goes to our stderr: only the program itself may write results to stdout. */
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
    child.once('error', (error) => reject(new SetupError(`${command} cannot be started: ${error.message}`)));
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

async function readJson(path) {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // half written by a process that died; the same as absent
  }
}

async function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}
