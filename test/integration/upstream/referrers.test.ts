// What refers to an image of an upstream: signatures and the like, from registries with the referrers API and without it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComposedFleet } from '../../support/composed-fleet.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { ready } from '../../support/fleet-traffic.ts';
import type { HttpAnswer } from '../../support/http-exchange.ts';
import {
  bytesOf,
  digestText,
  EMPTY_CONFIG,
  emptyManifest,
  OCI_INDEX,
  OCI_MANIFEST,
  RegistryWire,
} from '../../support/registry-wire.ts';

const REPOSITORY = 'org/app';
const COPY = `up.example/${REPOSITORY}`;
const SIGNATURE = 'application/vnd.example.signature';
const CONTENTS = 'application/vnd.example.contents';
const NOTHING = `sha256:${'0'.repeat(64)}`;

interface Entry {
  readonly digest: string;
  readonly artifactType: string;
}

async function startCache(fleet: ComposedFleet, url: string, more: object = {}): Promise<RegistryWire> {
  const node = await fleet.startOwnNode({ upstreams: cacheOf(url, more) });
  return new RegistryWire(node.baseUrl);
}

function cacheOf(url: string, more: object): object {
  return { registries: [{ name: 'up.example', url }], default: 'up.example', freshMs: 0, ...more };
}

/** A manifest that refers to another, and its entry in a list. */
function artifact(subject: string, artifactType: string, note = ''): { content: object; entry: Entry } {
  const content = {
    ...emptyManifest({ artifactType, annotations: { note } }),
    subject: { mediaType: OCI_MANIFEST, digest: subject, size: 1 },
  };
  const bytes = bytesOf(content);
  const entry = {
    mediaType: OCI_MANIFEST,
    digest: digestText(bytes),
    size: bytes.length,
    artifactType,
    annotations: { note },
  };
  return { content, entry };
}

/** Answers questions for referrers with these, `perPage` at a time. */
function answerReferrers(upstream: FakeUpstream, entries: () => readonly Entry[], perPage = 100): void {
  upstream.intercept = ({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://up.example');
    if (!pathname.startsWith(`/v2/${REPOSITORY}/referrers/`)) return false;
    const first = Number(searchParams.get('from') ?? 0);
    const manifests = entries().slice(first, first + perPage);
    const next =
      first + perPage < entries().length ? { link: `<${pathname}?from=${first + perPage}>; rel="next"` } : {};
    response.writeHead(200, { 'content-type': OCI_INDEX, ...next });
    return Boolean(response.end(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })));
  };
}

function digestsOf(answer: HttpAnswer): readonly string[] {
  assert.equal(answer.status, 200, answer.body.toString());
  assert.equal(answer.headers['content-type'], OCI_INDEX);
  const list = JSON.parse(answer.body.toString()) as { manifests: Entry[] };
  return list.manifests.map(({ digest }) => digest);
}

function sorted(...entries: readonly Entry[]): readonly string[] {
  return entries.map(({ digest }) => digest).toSorted();
}

test('Referrers that an upstream lists are listed here page by page, by type, and pulled as any manifest', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const wire = await startCache(fleet, upstream.url);
  const image = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const signatures = Array.from({ length: 5 }, (_, index) => artifact(image.digest, SIGNATURE, `${index}`));
  const contents = artifact(image.digest, CONTENTS);
  const all = [...signatures, contents].map(({ entry }) => entry);
  for (const { content } of [...signatures, contents])
    upstream.holdManifest(REPOSITORY, { type: OCI_MANIFEST, content });
  answerReferrers(upstream, () => all, 2);

  for (const name of [COPY, REPOSITORY])
    assert.deepEqual(digestsOf(await wire.send('GET', `/v2/${name}/referrers/${image.digest}`)), sorted(...all));
  const filtered = await wire.send('GET', `/v2/${COPY}/referrers/${image.digest}?artifactType=${CONTENTS}`);
  assert.deepEqual(digestsOf(filtered), [contents.entry.digest]);
  assert.equal(filtered.headers['oci-filters-applied'], 'artifactType');
  const page = await wire.send('GET', `/v2/${COPY}/referrers/${image.digest}?n=4`);
  assert.deepEqual(digestsOf(page), sorted(...all).slice(0, 4));
  const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(String(page.headers['link'])) ?? [];
  assert.deepEqual(digestsOf(await wire.send('GET', next)), sorted(...all).slice(4));
  const pulled = await wire.send('GET', `/v2/${COPY}/manifests/${contents.entry.digest}`);
  assert.equal(pulled.headers['docker-content-digest'], contents.entry.digest);
  assert.deepEqual(JSON.parse(pulled.body.toString()), contents.content);
});

test('Of an upstream without the API the index under the tag for it counts, and none is no referrer', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const wire = await startCache(fleet, upstream.url);
  const signed = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const bare = upstream.hold(REPOSITORY, 'v2', Buffer.from('not signed'));
  const signature = artifact(signed.digest, SIGNATURE);
  upstream.holdManifest(REPOSITORY, { type: OCI_MANIFEST, content: signature.content });
  const content = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [signature.entry] };
  upstream.holdManifest(REPOSITORY, { type: OCI_INDEX, content, tag: signed.digest.replace(':', '-') });

  for (const status of [404, 405, 200]) {
    upstream.intercept = ({ url = '' }, response) => {
      if (!url.includes('/referrers/')) return false;
      return Boolean(response.writeHead(status, { 'content-type': 'text/html' }).end('<html>'));
    };
    for (const name of [COPY, REPOSITORY]) {
      assert.deepEqual(digestsOf(await wire.send('GET', `/v2/${name}/referrers/${signed.digest}`)), [
        signature.entry.digest,
      ]);
      const none = await wire.send('GET', `/v2/${name}/referrers/${bare.digest}`);
      assert.deepEqual(digestsOf(none), []);
      assert.equal(none.headers['warning'], undefined);
    }
  }
});

test('An upstream is asked for referrers once in its time for the whole fleet, none of them being an answer too', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const wire = await startCache(fleet, upstream.url, { freshMs: 3_600_000 });
  const other = await fleet.startNode('other', { upstreams: cacheOf(upstream.url, { freshMs: 3_600_000 }) });
  await ready(other);
  const image = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const bare = upstream.hold(REPOSITORY, 'v2', Buffer.from('not signed'));
  const signature = artifact(image.digest, SIGNATURE);
  let entries = [signature.entry];
  upstream.intercept = ({ url = '' }, response) => {
    if (!url.includes(`/referrers/${image.digest}`)) return false;
    const text = JSON.stringify({ schemaVersion: 2, manifests: entries });
    return Boolean(response.writeHead(200, { 'content-type': OCI_INDEX }).end(text));
  };

  for (const each of [wire, new RegistryWire(other.baseUrl), wire]) {
    const answers = await Promise.all(
      [image, image, bare].map(({ digest }) => each.send('GET', `/v2/${COPY}/referrers/${digest}`)),
    );
    assert.deepEqual(answers.map(digestsOf), [[signature.entry.digest], [signature.entry.digest], []]);
    entries = []; // what changes there is seen when it is asked again
  }

  assert.equal(upstream.count(`GET /v2/${REPOSITORY}/referrers/${image.digest}`), 1);
  assert.equal(upstream.count(`GET /v2/${REPOSITORY}/referrers/${bare.digest}`), 1);
  assert.equal(upstream.count(`GET /v2/${REPOSITORY}/manifests/${bare.digest.replace(':', '-')}`), 1);
});

test('While the upstream is away or answers nonsense, what is known is listed with a warning, and what is not is no empty list', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const wire = await startCache(fleet, upstream.url);
  const image = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const signature = artifact(image.digest, SIGNATURE);
  upstream.holdManifest(REPOSITORY, { type: OCI_MANIFEST, content: signature.content });
  answerReferrers(upstream, () => [signature.entry]);
  const path = `/v2/${COPY}/referrers/${image.digest}`;
  await wire.send('GET', `/v2/${COPY}/manifests/v1`);
  await wire.send('GET', path);
  const expectStale = async (why: RegExp): Promise<void> => {
    const answer = await wire.send('GET', path);
    assert.deepEqual(digestsOf(answer), [signature.entry.digest]);
    assert.match(String(answer.headers['warning']), why);
  };

  const garbage: ReadonlyArray<readonly [number, object, string, RegExp]> = [
    [500, {}, 'oops', /^299 - "not asked of up\.example.*answers 500/],
    [401, {}, '', /does not let us in/],
    [200, { 'content-type': OCI_INDEX }, '<html>', /sent something that is no list of referrers/],
    [200, { 'content-type': OCI_INDEX, 'content-encoding': 'gzip' }, '{}', /compressed/],
    [200, { 'content-type': OCI_INDEX }, ' '.repeat(5_000_000), /larger than 4194304 bytes/],
    [302, { location: 'http://169.254.169.254/latest' }, '', /169\.254\.169\.254/],
    [429, { 'retry-after': '1' }, '', /too many requests/],
  ];
  for (const [status, headers, body, why] of garbage) {
    upstream.intercept = (_request, response) => Boolean(response.writeHead(status, { ...headers }).end(body));
    await expectStale(why);
  }
  await upstream.close();
  await expectStale(/up\.example/);
  // Of which nothing is known here.
  const unknown = await wire.send('GET', `/v2/${COPY}/referrers/${digestText('unknown')}`);
  assert.ok([429, 503].includes(unknown.status), String(unknown.status));
});

test('What was pulled of a list is listed after a restart without the upstream', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const image = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const [pulled, listed] = [artifact(image.digest, SIGNATURE), artifact(image.digest, CONTENTS)];
  upstream.holdManifest(REPOSITORY, { type: OCI_MANIFEST, content: pulled.content });
  answerReferrers(upstream, () => [pulled.entry, listed.entry]);
  const path = `/v2/${COPY}/referrers/${image.digest}`;
  {
    await using node = await fleet.startOwnNode({ upstreams: cacheOf(upstream.url, {}) });
    const wire = new RegistryWire(node.baseUrl);
    await wire.send('GET', `/v2/${COPY}/manifests/v1`);
    assert.deepEqual(digestsOf(await wire.send('GET', path)), sorted(pulled.entry, listed.entry));
    assert.equal((await wire.send('GET', `/v2/${COPY}/manifests/${pulled.entry.digest}`)).status, 200);
  }
  await upstream.close();
  await fleet.stopCoordinator();
  await fleet.startCoordinator();

  const wire = await startCache(fleet, upstream.url);
  const answer = await wire.send('GET', path);

  assert.deepEqual(digestsOf(answer), [pulled.entry.digest]);
  assert.match(String(answer.headers['warning']), /cannot be reached/);
});

test('What an upstream lists no more is listed no more, though it was pulled; what was pulled since it was asked is', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const wire = await startCache(fleet, upstream.url);
  const image = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const [deleted, kept, added] = ['deleted', 'kept', 'added'].map((note) => artifact(image.digest, SIGNATURE, note));
  assert.ok(deleted !== undefined && kept !== undefined && added !== undefined);
  const path = `/v2/${COPY}/referrers/${image.digest}`;
  const pull = async ({ content, entry }: typeof kept): Promise<void> => {
    upstream.holdManifest(REPOSITORY, { type: OCI_MANIFEST, content });
    assert.equal((await wire.send('GET', `/v2/${COPY}/manifests/${entry.digest}`)).status, 200);
  };
  let entries = [deleted.entry, kept.entry];
  answerReferrers(upstream, () => entries);
  await pull(deleted);
  await pull(kept);
  assert.deepEqual(digestsOf(await wire.send('GET', path)), sorted(deleted.entry, kept.entry));

  entries = [kept.entry];
  assert.deepEqual(digestsOf(await wire.send('GET', path)), [kept.entry.digest]);
  await pull(kept);
  upstream.intercept = () => false;
  await pull(added);
  await upstream.close();

  const answer = await wire.send('GET', path);
  assert.ok(digestsOf(answer).includes(added.entry.digest));
  assert.match(String(answer.headers['warning']), /cannot be reached/);
});

test('What was pushed under the name of a copy stays listed, whatever its upstream lists', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const image = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const [theirs, ours] = ['theirs', 'ours'].map((note) => artifact(image.digest, SIGNATURE, note));
  assert.ok(theirs !== undefined && ours !== undefined);
  const plain = new RegistryWire((await fleet.startNode('plain')).baseUrl);
  const wire = await startCache(fleet, upstream.url);
  await plain.pushBlob(COPY, '{}');
  await plain.putManifest(COPY, { reference: ours.entry.digest, content: ours.content });
  answerReferrers(upstream, () => [theirs.entry]);

  const answer = await wire.send('GET', `/v2/${COPY}/referrers/${image.digest}`);

  assert.deepEqual(digestsOf(answer), sorted(theirs.entry, ours.entry));
});

test('Who refers to what was pushed here is nobody else to ask, and our own signature of an image of the upstream is listed beside theirs', async () => {
  await using upstream = await FakeUpstream.start();
  await using fleet = await ComposedFleet.start();
  const wire = await startCache(fleet, upstream.url);
  const image = upstream.hold(REPOSITORY, 'v1', Buffer.from('signed'));
  const theirs = artifact(image.digest, SIGNATURE, 'theirs');
  const ours = artifact(image.digest, SIGNATURE, 'ours');
  answerReferrers(upstream, () => [theirs.entry]);
  const own = await wire.pushEmptyImage('team/app', 'v1');

  for (const subject of [own, NOTHING])
    assert.deepEqual(digestsOf(await wire.send('GET', `/v2/team/app/referrers/${subject}`)), []);
  assert.deepEqual(upstream.requests, []);
  await wire.pushBlob(REPOSITORY, '{}');
  const put = await wire.putManifest(REPOSITORY, { reference: ours.entry.digest, content: ours.content });
  assert.equal(put.status, 201, put.body.toString());
  const path = `/v2/${REPOSITORY}/referrers/${image.digest}`;
  assert.deepEqual(digestsOf(await wire.send('GET', path)), sorted(theirs.entry, ours.entry));
  assert.deepEqual(digestsOf(await wire.send('GET', `/v2/${COPY}/referrers/${image.digest}`)), [theirs.entry.digest]);
  await upstream.close();
  const alone = await wire.send('GET', `/v2/team/new/referrers/${digestText('unknown')}`);
  assert.deepEqual(digestsOf(alone), []);
  assert.match(String(alone.headers['warning']), /not asked of up\.example/);
});

test('A fleet of ours is an upstream with the API', async () => {
  await using theirs = await ComposedFleet.start();
  const upstream = await theirs.startOwnNode();
  const source = new RegistryWire(upstream.baseUrl);
  const image = await source.pushImage(REPOSITORY, 'v1', Buffer.from('signed'));
  const signature = artifact(image.digest, SIGNATURE);
  await source.pushBlob(REPOSITORY, '{}');
  await source.putManifest(REPOSITORY, { reference: signature.entry.digest, content: signature.content });
  await using fleet = await ComposedFleet.start();
  const wire = await startCache(fleet, upstream.baseUrl);

  const answer = await wire.send('GET', `/v2/${COPY}/referrers/${image.digest}?artifactType=${SIGNATURE}`);

  assert.deepEqual(digestsOf(answer), [signature.entry.digest]);
  const manifest = await wire.send('GET', `/v2/${COPY}/manifests/${signature.entry.digest}`);
  assert.deepEqual(JSON.parse(manifest.body.toString()), signature.content);
  const blob = await wire.send('GET', `/v2/${COPY}/blobs/${EMPTY_CONFIG.digest}`);
  assert.equal(blob.body.toString(), '{}');
});
