// The fleet bench itself, small: what it prints can be believed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needs } from '../support/needs.ts';
import { runCommand } from '../support/run-command.ts';

const MiB = 1024 ** 2;
const bench = fileURLToPath(new URL('../../scripts/bench', import.meta.url));

interface Traffic {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}
interface Side extends Traffic {
  readonly slowestSeconds: number;
  readonly ratio: number;
  readonly originCopies: number;
  readonly failures: readonly string[];
  readonly hosts: ReadonlyArray<Traffic & { readonly seconds: number }>;
  readonly source: Traffic;
}

test(
  'A small fleet bench counts every byte on both sides of the comparison and leaves nothing behind',
  needs({ namespaces: true, commands: ['docker-registry'] }),
  async () => {
    const flags = ['--hosts', '3', '--size-mib', '4', '--warm-up-mib', '0', '--rate-mbit', '200', '--json'];

    const output = await runCommand([bench, 'fleet', ...flags], { timeoutMs: 180_000 });

    const last = output.trimEnd().split('\n').at(-1) ?? '';
    const report = JSON.parse(last) as { boundSeconds: number; shoal: Side[]; reference: Side[] };
    assert.ok(Math.abs(report.boundSeconds - (4 * MiB * 8) / 200e6) < 1e-6);
    for (const [side] of [report.shoal, report.reference]) {
      assert.ok(side !== undefined);
      assert.deepEqual(side.failures, []);
      assert.equal(side.hosts.length, 3);
      for (const host of side.hosts) {
        assert.ok(host.seconds > 0 && host.seconds <= side.slowestSeconds);
        // Every host got the image, with headers and a little conversation. Of the third of a copy that is handed out after the first
        // pass some was asked of others already; so were the last pieces.
        assert.ok(host.receivedBytes > 4 * MiB && host.receivedBytes < 6 * MiB, `${host.receivedBytes} bytes`);
      }
      // What one host sent another received, but for what a full queue dropped, which is sent again.
      const lost = side.sentBytes - side.receivedBytes;
      assert.ok(Math.abs(lost) < side.sentBytes / 20, `${lost} of ${side.sentBytes} bytes are in one count alone`);
      assert.ok(Math.abs(side.originCopies - side.source.sentBytes / (4 * MiB)) < 1e-9);
    }
    assert.ok((report.reference[0]?.originCopies ?? 0) > 3, 'a central registry sends every copy itself');
  },
);
