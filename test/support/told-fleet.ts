// A directory together with what every member of one swarm was told, as the nodes would see it.

import assert from 'node:assert/strict';
import { Directory } from '../../coordinator/directory/directory.ts';
import type { NodeTraits } from '../../coordinator/directory/directory-node.ts';
import type { NeighbourChange } from '../../coordinator/directory/neighbour-changes.ts';
import { digestOf, type Digest } from '../../shared/oci/digest.ts';
import type { PieceShare } from '../../shared/pieces/piece-share.ts';

export const GRACE_MS = 1000;
export const layer = digestOf(Buffer.from('layer'));

export class ToldFleet {
  readonly directory: Directory;
  /** By member, its neighbours and which share of the pieces it may ask of each; undefined is all. */
  readonly views = new Map<string, Map<string, PieceShare | undefined>>();
  readonly reachable = new Set<string>();
  readonly holders = new Set<string>();
  readonly members = new Set<string>();
  readonly zones = new Map<string, string>();
  readonly events: NeighbourChange[] = [];
  readonly digest: Digest;

  constructor(seed = 1, digest = layer) {
    this.directory = new Directory({ seed, graceMs: GRACE_MS });
    this.digest = digest;
  }

  add(nodeId: string, traits: Partial<NodeTraits> = {}): void {
    this.apply(this.directory.setNode(nodeId, { isOrigin: false, ...traits }));
    this.zones.set(nodeId, traits.zone ?? '');
    this.apply(this.directory.connect(nodeId));
    this.reachable.add(nodeId);
  }

  hold(nodeId: string): void {
    this.holders.add(nodeId);
    this.members.delete(nodeId);
    this.views.delete(nodeId);
    this.apply(this.directory.addHolding(nodeId, this.digest));
  }

  withdraw(nodeId: string): void {
    this.holders.delete(nodeId);
    this.apply(this.directory.removeHolding(nodeId, this.digest));
  }

  join(nodeId: string): void {
    const answer = this.directory.join(nodeId, this.digest);
    assert.ok(answer);
    this.members.add(nodeId);
    this.views.set(nodeId, new Map(answer.neighbours.map((each) => [each.nodeId, each.share])));
    this.apply(answer.changes);
  }

  leave(nodeId: string): void {
    this.members.delete(nodeId);
    this.views.delete(nodeId);
    this.apply(this.directory.leave(nodeId, this.digest));
  }

  lose(nodeId: string): void {
    this.members.delete(nodeId);
    this.views.delete(nodeId);
    this.reachable.delete(nodeId);
    this.apply(this.directory.disconnect(nodeId, 0));
    this.apply(this.directory.expire(GRACE_MS));
  }

  return(nodeId: string): void {
    this.reachable.add(nodeId);
    this.apply(this.directory.connect(nodeId));
  }

  /** A node that downloads nothing says hello from another zone. */
  move(nodeId: string, zone: string): void {
    this.zones.set(nodeId, zone);
    this.apply(this.directory.setNode(nodeId, { isOrigin: false, zone }));
  }

  fallBehind(nodeId: string, nowMs = 0): void {
    this.apply(this.directory.fallBehind(nodeId, nowMs));
  }

  complain(nodeId: string, classes: readonly number[], nowMs: number): void {
    this.apply(this.directory.complain(nodeId, this.digest, { classes, nowMs }));
  }

  apply(changes: readonly NeighbourChange[]): void {
    for (const change of changes) {
      this.events.push(change);
      const view = this.views.get(change.nodeId);
      assert.ok(view, `${change.nodeId} is told of a swarm that it is not in`);
      for (const removed of change.removed) assert.ok(view.delete(removed), `${change.nodeId} did not know ${removed}`);
      for (const added of change.added) view.set(added.nodeId, added.share);
    }
  }

  /** Has the blob whole, can be reached, and does not say by downloading it that it cannot serve. */
  canServe(nodeId: string): boolean {
    return this.holders.has(nodeId) && this.reachable.has(nodeId) && !this.members.has(nodeId);
  }

  zoneOf(nodeId: string): string {
    return this.zones.get(nodeId) ?? '';
  }

  /** What a member was told is what it hears when it asks. */
  checkEvents(): void {
    for (const [member, view] of this.views) {
      const answer = this.directory.join(member, this.digest)?.neighbours ?? [];
      const heard = new Map(answer.map((each) => [each.nodeId, each.share]));
      assert.deepEqual(sorted(view), sorted(heard), 'events and answers agree');
      assert.ok(!view.has(member), 'nobody is its own neighbour');
    }
  }
}

function sorted(view: ReadonlyMap<string, PieceShare | undefined>): unknown[] {
  return [...view].toSorted(([one], [other]) => (one < other ? -1 : 1));
}
