// Which members of a zone are linked with each other in the swarm of one blob. Pure.
//
//   up to 13 members     everybody with everybody
//   more                 neighbours on four rings (ring.ts), made up to 8 where places coincide (spare-links.ts)
//   who is slow          stands on no ring and has two members (straggler-links.ts), at most one straggler for three others
//
// About 8 neighbours are best (6 to 12 are as good, found by simulation), and never "first come", since the first arrivals would fill
// each other's places. Whoever leaves has its former neighbours joined at once.

import type { DirectoryNode } from './directory-node.ts';
import { Ring, RING_COUNT } from './ring.ts';
import { SpareLinks } from './spare-links.ts';
import { StragglerLinks } from './straggler-links.ts';

/** Up to this many members everybody is linked to everybody: 12 neighbours. Rings of so few would coincide too often. */
export const MESH_MEMBERS = 13;

/** At most this part of the members are stragglers: those who are slow like most others are not slow. */
const STRAGGLER_SHARE = 0.25;

/** Called before the links of a member change, at least once for each whose links do. */
export type WillChange = (member: DirectoryNode) => void;

export class MemberLinks {
  /** In the order they came. */
  readonly #members = new Set<DirectoryNode>();
  readonly #rings: readonly Ring<DirectoryNode>[];
  readonly #spares = new SpareLinks<DirectoryNode>();
  readonly #stragglers = new StragglerLinks<DirectoryNode>();

  constructor() {
    this.#rings = Array.from({ length: RING_COUNT }, (_, ring) => new Ring<DirectoryNode>(ring));
  }

  get size(): number {
    return this.#members.size;
  }

  has(node: DirectoryNode): boolean {
    return this.#members.has(node);
  }

  isStraggler(node: DirectoryNode): boolean {
    return this.#stragglers.has(node);
  }

  /** A member, and none of the stragglers. */
  hasFast(node: DirectoryNode): boolean {
    return this.#members.has(node) && !this.#stragglers.has(node);
  }

  /** Members that are not slow, in the order they came. */
  *fast(): Generator<DirectoryNode> {
    for (const member of this.#members) if (!this.#stragglers.has(member)) yield member;
  }

  /** The other members that a member is linked to. The caller's own. */
  of(member: DirectoryNode): Set<DirectoryNode> {
    const fellows = new Set<DirectoryNode>();
    if (!this.#members.has(member)) return fellows;
    if (this.#isMesh) {
      for (const other of this.#members) fellows.add(other);
      fellows.delete(member);
      return fellows;
    }
    for (const other of this.#stragglers.of(member)) fellows.add(other);
    if (this.#stragglers.has(member)) return fellows;
    for (const other of this.#onRings(member)) fellows.add(other);
    for (const other of this.#spares.of(member)) fellows.add(other);
    return fellows;
  }

  add(member: DirectoryNode, willChange: WillChange): void {
    const isStraggler = member.isSlow && this.#stragglers.count + 1 <= (this.#members.size + 1) * STRAGGLER_SHARE;
    this.#change(member, willChange, () => {
      this.#members.add(member);
      if (isStraggler) this.#stragglers.add(member);
      else for (const ring of this.#rings) ring.add(member);
    });
  }

  remove(member: DirectoryNode, willChange: WillChange): void {
    this.#change(member, willChange, () => {
      this.#members.delete(member);
      this.#stragglers.remove(member);
      for (const ring of this.#rings) ring.remove(member);
    });
  }

  /** Whether there is room for one more straggler, and this member is none yet. */
  mayBecomeStraggler(member: DirectoryNode): boolean {
    return this.hasFast(member) && this.#stragglers.count + 1 <= this.#members.size * STRAGGLER_SHARE;
  }

  /** Its neighbours are joined as if it had left. */
  makeStraggler(member: DirectoryNode, willChange: WillChange): void {
    this.#change(member, willChange, () => {
      for (const ring of this.#rings) ring.remove(member);
      this.#stragglers.remove(member);
      this.#stragglers.add(member);
    });
  }

  /** One of too many: so many of the others are done that it is slow no more in comparison. */
  get surplusStraggler(): DirectoryNode | undefined {
    return this.#stragglers.count > this.#members.size * STRAGGLER_SHARE ? this.#stragglers.first : undefined;
  }

  /** A straggler becomes a member like all. */
  promote(straggler: DirectoryNode, willChange: WillChange): void {
    this.#change(straggler, willChange, () => {
      this.#stragglers.remove(straggler);
      for (const ring of this.#rings) ring.add(straggler);
    });
  }

  get #isMesh(): boolean {
    return this.#members.size <= MESH_MEMBERS;
  }

  #onRings(member: DirectoryNode): Set<DirectoryNode> {
    const beside = new Set<DirectoryNode>();
    for (const ring of this.#rings) for (const other of ring.around(member)) beside.add(other);
    beside.delete(member);
    return beside;
  }

  /** Puts `member` in, takes it out or moves it, and links those around it anew. */
  #change(member: DirectoryNode, willChange: WillChange, change: () => void): void {
    const touched = this.#members.size <= MESH_MEMBERS + 1 ? new Set(this.#members) : this.#onRings(member);
    touched.add(member);
    for (const node of touched) {
      willChange(node);
      for (const other of this.#spares.of(node)) willChange(other);
      for (const other of this.#stragglers.of(node)) willChange(other);
    }
    change();
    this.#balance(touched, willChange);
  }

  #balance(touched: Iterable<DirectoryNode>, willChange: WillChange): void {
    const candidates = (straggler: DirectoryNode): Iterable<DirectoryNode> => this.#rings[0]?.from(straggler) ?? [];
    this.#stragglers.balance({ candidates, willChange });
    if (this.#isMesh) {
      this.#spares.clear();
      return;
    }
    const members: DirectoryNode[] = [];
    for (const node of touched) {
      if (this.hasFast(node)) members.push(node);
      else this.#spares.remove(node);
    }
    this.#spares.balance(members, { around: (member) => this.#onRings(member), willChange });
  }
}
