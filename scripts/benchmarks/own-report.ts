// What a node itself says of a download: GET /pulls and GET /pulls/ID, checked by the shapes of the product.

import { Check } from 'typebox/value';
import { type BlobPull, PullDetail, PullList } from '../../shared/protocol/pull-report.ts';
import { eventually } from '../../test/support/eventually.ts';
import { exchange } from '../../test/support/http-exchange.ts';

/** Pulls that are looked through for a blob; those of a bench are the newest. */
const LOOK_AT = 4;
const ASK_EVERY_MS = 10;

/** Waits until a node has downloaded a blob, flushed it and given it its name. @throws {Error} when it takes too long. */
export async function downloadEnd(port: number, digest: string, timeoutMs: number): Promise<BlobPull> {
  return eventually({ what: `the download of ${digest}`, timeoutMs, intervalMs: ASK_EVERY_MS }, async () => {
    const list = await page(port, `/pulls?limit=${LOOK_AT}`);
    if (!Check(PullList, list)) throw new Error('GET /pulls is answered with something else');
    for (const { id } of list.pulls) {
      const detail = await page(port, `/pulls/${id}`);
      if (!Check(PullDetail, detail)) throw new Error('GET /pulls/ID is answered with something else');
      const blob = detail.blobs.find((each) => each.digest === digest);
      if (blob?.state === 'done') return blob;
    }
    return undefined;
  });
}

async function page(port: number, path: string): Promise<unknown> {
  const answer = await exchange({ address: { port } }, { method: 'GET', path });
  return JSON.parse(answer.body.toString());
}
