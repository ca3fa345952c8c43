import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../../shared/oci/digest.ts';
import { hashPiece, LEAF_BYTES, pieceBytesFor, type PieceTable } from '../../../shared/pieces/piece-table.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import {
  imageManifest,
  linkNode,
  smallBlob,
  startTestCoordinator,
  type LinkedNode,
  type SmallBlob,
} from '../../support/test-coordinator.ts';

const { signal } = new AbortController();

test('A node that was first with a wrong table keeps nobody from pushing the blob through an origin', async () => {
  await using folder = await openTemporaryFolder('tables');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using liar = await linkNode(running, 'liar');
  await using origin = await linkNode(running, 'origin', { isOrigin: true });
  const blob = twoPieceBlob('layer');
  await add(liar, blob, wrongTable(blob));

  await add(origin, blob, blob.table);

  assert.deepEqual(await tableOf(liar, blob), Buffer.from(blob.table.hashes));
  const put = { repository: 'app', ...imageManifest([blob]), tags: ['v1'] };
  await origin.link.call('manifest.put', put, signal);
  await assert.rejects(add(liar, blob, wrongTable(blob)), { code: 'message_invalid' });
  assert.deepEqual(await tableOf(liar, blob), Buffer.from(blob.table.hashes));
});

test('Of two nodes that are no origins the first word stands, and the refusal names who gave it', async () => {
  await using folder = await openTemporaryFolder('tables');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using first = await linkNode(running, 'first');
  await using second = await linkNode(running, 'second');
  const blob = twoPieceBlob('layer');
  await add(first, blob, blob.table);

  await assert.rejects(add(second, blob, wrongTable(blob)), {
    code: 'message_invalid',
    detail: { digest: blob.digest, holders: [first.nodeId] },
  });
});

test('A table that the digest itself contradicts is refused', async () => {
  await using folder = await openTemporaryFolder('tables');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using liar = await linkNode(running, 'liar');
  const small = smallBlob('config');
  const large = twoPieceBlob('layer');
  const empty = { sizeBytes: 0, pieceBytes: pieceBytesFor(0), hashes: new Uint8Array(0) };

  for (const [blob, table] of [
    [small, wrongTable(small)],
    [small, empty],
    [large, empty],
    [large, { ...small.table }],
    [{ ...small, digest: digestOf(new Uint8Array(0)) }, small.table],
  ] as const) {
    await assert.rejects(add(liar, blob, table), { code: 'message_invalid' });
  }
});

function add(node: LinkedNode, { digest }: Pick<SmallBlob, 'digest'>, table: PieceTable): Promise<unknown> {
  return node.link.call('blob.add', { repository: 'app', digest, table }, signal);
}

async function tableOf(node: LinkedNode, { digest }: SmallBlob): Promise<Buffer | undefined> {
  const { table } = await node.link.call('blob.locate', { digest }, signal);
  return table === undefined ? undefined : Buffer.from(table.hashes);
}

function twoPieceBlob(text: string): SmallBlob {
  const bytes = Buffer.alloc(LEAF_BYTES + 1, text);
  const hashes = Buffer.concat([hashPiece(bytes.subarray(0, LEAF_BYTES)), hashPiece(bytes.subarray(LEAF_BYTES))]);
  const table = { sizeBytes: bytes.length, pieceBytes: LEAF_BYTES, hashes };
  return { digest: digestOf(bytes), sizeBytes: bytes.length, table };
}

function wrongTable({ table }: SmallBlob): PieceTable {
  return { ...table, hashes: new Uint8Array(table.hashes.length) };
}
