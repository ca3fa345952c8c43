// kill -9 in the middle of a fetch from an upstream: of the host that fetches, and of the coordinator that gave it the turn.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { findFreePorts } from '../../support/free-ports.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { runCommand } from '../../support/run-command.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { shoalCommand, ShoalProgram } from '../../support/shoal-program.ts';
import { openTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';

const SIZE_BYTES = 3_000_000;

describe('kill -9 in the middle of a fetch', () => {
  let folder: TemporaryFolder;
  let upstream: FakeUpstream;
  let coordinator: ShoalProgram;
  const nodes: { readonly program: ShoalProgram; readonly wire: RegistryWire }[] = [];

  before(async () => {
    folder = await openTemporaryFolder('kill-fetch');
    upstream = await FakeUpstream.start();
    const [listen = 0, ...ports] = await findFreePorts(5);
    const data = join(folder.path, 'coordinator');
    coordinator = await ShoalProgram.start({
      args: ['coordinator', `--data=${data}`, `--listen=127.0.0.1:${listen}`],
      logFile: join(folder.path, 'coordinator.log'),
      http: { port: listen, tls: true },
    });
    const token = (await runCommand(shoalCommand(['token', 'create', `--data=${data}`, '--uses=2']))).trim();
    for (const [index, name] of ['one', 'two'].entries()) {
      const [http = 0, swarm = 0] = ports.slice(2 * index);
      const places = [`--http=127.0.0.1:${http}`, `--swarm=127.0.0.1:${swarm}`, `--advertise=127.0.0.1:${swarm}`];
      const joining = [`--coordinator=127.0.0.1:${listen}`, `--join=${token}`, ...(index === 0 ? ['--origin'] : [])];
      const registries = JSON.stringify([{ name: 'up.example', url: upstream.url }]);
      const program = await ShoalProgram.start({
        args: ['node', `--data=${join(folder.path, name)}`, ...places, ...joining],
        logFile: join(folder.path, `${name}.log`),
        http: { port: http },
        env: { SHOAL_UPSTREAMS_REGISTRIES: registries },
      });
      nodes.push({ program, wire: new RegistryWire(`http://127.0.0.1:${http}`) });
    }
  });

  after(async () => {
    for (const { program } of nodes) await program[Symbol.asyncDispose]();
    await coordinator[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** An image whose layer comes to its half and no further until it is let go. */
  function holdHalf(name: string): {
    readonly layer: Buffer;
    readonly manifest: string;
    readonly blob: string;
    readonly stalled: Promise<void>;
    readonly letGo: () => void;
  } {
    const layer = Buffer.concat([...seededBytes(name, SIZE_BYTES)]);
    const held = upstream.hold(`org/${name}`, 'v1', layer);
    let letGo = (): void => undefined;
    const stalled = new Promise<void>((resolve) => {
      upstream.intercept = ({ method, url }, response) => {
        if (method !== 'GET' || url?.includes(held.layer) !== true) return false;
        upstream.intercept = () => false; // the next one gets all of it
        response.writeHead(200, { 'content-length': layer.length }).write(layer.subarray(0, SIZE_BYTES / 2));
        letGo = () => response.end(layer.subarray(SIZE_BYTES / 2));
        resolve();
        return true;
      };
    });
    const path = `/v2/up.example/org/${name}`;
    return {
      layer,
      manifest: `${path}/manifests/v1`,
      blob: `${path}/blobs/${held.layer}`,
      stalled,
      letGo: () => letGo(),
    };
  }

  test('of the host that fetches, the next one fetches, and the first has no half of it after its restart', async () => {
    const [one, two] = nodes;
    assert.ok(one !== undefined && two !== undefined);
    const { layer, manifest, blob, stalled } = holdHalf('holder');
    for (const { wire } of [one, two]) assert.equal((await wire.send('GET', manifest)).status, 200);
    const torn = two.wire.send('GET', blob).catch((error: unknown) => error);
    await stalled;
    const waiting = one.wire.send('GET', blob);

    await two.program.kill('SIGKILL');
    const answer = await waiting;
    await two.program.restart();
    const again = await two.wire.send('GET', blob);

    assert.ok((await torn) instanceof Error, 'a client of the killed host got no whole answer');
    assert.deepEqual([answer.status, again.status], [200, 200]);
    assert.ok(answer.body.equals(layer) && again.body.equals(layer));
    assert.equal(upstream.count(`GET ${blob.replace('/up.example', '')}`), 2);
  });

  test('of the coordinator, clients get the layer to its end, and the fleet has it when the coordinator is back', async () => {
    const [one, two] = nodes;
    assert.ok(one !== undefined && two !== undefined);
    const { layer, manifest, blob, stalled, letGo } = holdHalf('coordinator');
    for (const { wire } of [one, two]) assert.equal((await wire.send('GET', manifest)).status, 200);
    const reading = one.wire.send('GET', blob);
    await stalled;

    await coordinator.kill('SIGKILL');
    letGo();
    const read = await reading;
    await coordinator.restart();

    assert.ok(read.body.equals(layer));
    for (const { wire } of [two, one]) {
      const answer = await eventually({ what: 'the layer' }, async () => {
        const got = await wire.send('GET', blob);
        return got.status === 200 ? got : undefined;
      });
      assert.ok(answer.body.equals(layer));
    }
    const asked = upstream.count(`GET ${blob.replace('/up.example', '')}`);
    assert.ok(asked <= 2, `${asked} fetches`);
  });
});
