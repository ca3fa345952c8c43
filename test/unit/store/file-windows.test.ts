import assert from 'node:assert/strict';
import { open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { FileWindows } from '../../../node/store/file-windows.ts';
import {
  loadLinuxMemory,
  type FileWindow,
  type LinuxMemory,
  type LoadedLinuxMemory,
} from '../../../node/store/linux-memory.ts';
import { silentLogger, type Logger } from '../../../shared/runtime/log.ts';
import { WholeBlobReader } from '../../../node/store/whole-blob-reader.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const MIB = 1024 * 1024;
const unsupported = (await loadLinuxMemory()).type !== 'loaded' && 'this system cannot show files as memory';

/** Memory that notes what is done with it. */
function fakeMemory(behaviour: { readonly canShow?: () => boolean } = {}): LinuxMemory & {
  readonly windows: FileWindow[];
  readonly shown: Set<FileWindow>;
} {
  const windows: FileWindow[] = [];
  const shown = new Set<FileWindow>();
  return {
    windows,
    shown,
    pageBytes: 4096,
    isCached: () => Promise.resolve(true),
    reserve: (sizeBytes) => {
      const window: FileWindow = {
        bytes: new Uint8Array(sizeBytes),
        show: () => {
          if (behaviour.canShow?.() === false) return false;
          shown.add(window);
          return true;
        },
        hide: () => {
          shown.delete(window);
          return true;
        },
      };
      windows.push(window);
      return window;
    },
  };
}

async function windowsOver(memory: LinuxMemory): Promise<FileWindows> {
  return preparedWindows({ type: 'loaded', memory });
}

async function preparedWindows(loaded: LoadedLinuxMemory, log: Logger = silentLogger): Promise<FileWindows> {
  const windows = new FileWindows({ log, load: () => Promise.resolve(loaded) });
  await windows.prepare();
  return windows;
}

test('A window is used again after its loan, and shows no file in between', async () => {
  const memory = fakeMemory();
  const windows = await windowsOver(memory);

  for (let round = 0; round < 3; round += 1) {
    const lent = windows.lend(1, 8192, 100);
    assert.equal(lent?.bytes.byteLength, 100);
    assert.equal(memory.shown.size, 1);
    lent.release();
    lent.release();
    assert.equal(memory.shown.size, 0);
  }

  assert.equal(memory.windows.length, 1);
  assert.equal(windows.lentCount, 0);
});

test('Nothing is lent when all windows are out, until one comes back', async () => {
  const memory = fakeMemory();
  const windows = await windowsOver(memory);
  const lent = Array.from({ length: 256 }, () => windows.lend(1, 0, 10));
  assert.ok(lent.every((one) => one !== undefined));

  assert.equal(windows.lend(1, 0, 10), undefined);
  lent[7]?.release();

  assert.notEqual(windows.lend(1, 0, 10), undefined);
  assert.equal(memory.windows.length, 256);
});

test('A window that could not show a file is never lent', async () => {
  let canShow = false;
  const memory = fakeMemory({ canShow: () => canShow });
  const windows = await windowsOver(memory);

  assert.equal(windows.lend(1, 0, 10), undefined);
  canShow = true;
  const lent = windows.lend(1, 0, 10);

  assert.equal(lent?.bytes.buffer, memory.windows[1]?.bytes.buffer);
});

test('Nothing is lent on a system without such memory', async () => {
  const windows = await preparedWindows({ type: 'unsupported' });

  assert.equal(windows.lend(1, 0, 10), undefined);
  assert.equal(await windows.isCached(1, 0, 10), false);
});

test('A package that is missing is told once, with what it costs and how to get it; blobs are read without it', async () => {
  const told: string[] = [];
  const info = (fields: object, message: string): void => void told.push(`${JSON.stringify(fields)} ${message}`);
  const log: Logger = { ...silentLogger, info };

  const windows = await preparedWindows({ type: 'missing', reason: "Cannot find package 'koffi'" }, log);
  await windows.prepare();

  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /Cannot find package 'koffi'.*CPU time.*npm install/);
  assert.equal(windows.lend(1, 0, 10), undefined);
});

test('What is lent of a file in memory is what the file holds, wherever it starts', { skip: unsupported }, async () => {
  await using folder = await openTemporaryFolder('windows');
  const bytes = Buffer.alloc(5 * MIB + 77);
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  await using file = await open(join(folder.path, 'blob'), 'w+');
  await file.write(bytes);
  const reader = await readerOf(file, bytes.length);

  for (const [position, maxBytes] of [
    [0, 10],
    [4095, 3],
    [12_345, 5 * MIB],
    [3 * MIB, 4 * MIB],
    [bytes.length - 1, 100],
  ] as const) {
    const lent = await reader.lend(position, maxBytes);
    assert.ok(lent !== undefined && lent.bytes.byteLength <= maxBytes);
    // Only a test may look: nobody can take this file's disk away.
    assert.ok(Buffer.from(lent.bytes).equals(bytes.subarray(position, position + lent.bytes.byteLength)));
    lent.release();
  }
  assert.equal(await reader.lend(bytes.length, 10), undefined);
});

test('What is not in memory is not lent', { skip: unsupported }, async () => {
  await using folder = await openTemporaryFolder('windows');
  const path = join(folder.path, 'blob');
  await using file = await open(path, 'w+');
  await truncate(path, 20 * MIB);
  await file.write(Buffer.alloc(9 * MIB, 1));
  const reader = await readerOf(file, 20 * MIB);

  const lent = await reader.lend(0, 20 * MIB);
  assert.notEqual(lent, undefined);
  lent?.release();
  assert.equal(await reader.lend(10 * MIB, 10), undefined, 'a hole was never read');
});

test('A file that is cut short under a loan fails the write, not the process', { skip: unsupported }, async () => {
  await using folder = await openTemporaryFolder('windows');
  const path = join(folder.path, 'blob');
  await using file = await open(path, 'w+');
  await file.write(Buffer.alloc(MIB, 1));
  const reader = await readerOf(file, MIB);
  const lent = await reader.lend(0, MIB);
  assert.ok(lent !== undefined);
  const server = createServer((accepted) => void accepted.resume().on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const socket = connect(address.port, '127.0.0.1');
  await once(socket, 'connect');

  await truncate(path, 0);
  socket.write(lent.bytes);
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];

  assert.equal(error.code, 'EFAULT');
  lent.release();
  server.close();
});

async function readerOf(handle: Awaited<ReturnType<typeof open>>, sizeBytes: number): Promise<WholeBlobReader> {
  const windows = new FileWindows({ log: silentLogger });
  await windows.prepare();
  return new WholeBlobReader({ handle, sizeBytes, release: () => Promise.resolve() }, windows);
}
