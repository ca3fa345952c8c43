// Who is whose neighbour: a random graph in which everybody has the same number of neighbours, as far as that is possible.

/** @returns for each of `nodeCount` nodes its neighbours. A full mesh when there are few. */
export function randomRegularGraph(nodeCount: number, degree: number, random: () => number): number[][] {
  const neighbours: Array<Set<number>> = Array.from({ length: nodeCount }, () => new Set());
  const link = (left: number, right: number): void => {
    neighbours[left]?.add(right);
    neighbours[right]?.add(left);
  };
  const unlink = (left: number, right: number): void => {
    neighbours[left]?.delete(right);
    neighbours[right]?.delete(left);
  };
  if (nodeCount <= degree + 1) {
    for (let left = 0; left < nodeCount; left += 1) for (let right = 0; right < left; right += 1) link(left, right);
    return neighbours.map((set) => [...set]);
  }
  const first = degree + 1;
  for (let left = 0; left < first; left += 1) for (let right = 0; right < left; right += 1) link(left, right);
  // Each newcomer takes degree / 2 random links apart and steps between their ends.
  for (let node = first; node < nodeCount; node += 1) {
    for (let tries = 0; (neighbours[node]?.size ?? 0) < degree && tries < 1000; tries += 1) {
      const left = Math.floor(random() * node);
      const others = [...(neighbours[left] ?? [])];
      const right = others[Math.floor(random() * others.length)];
      if (
        right === undefined ||
        right === node ||
        neighbours[node]?.has(left) === true ||
        neighbours[node]?.has(right) === true
      )
        continue;
      unlink(left, right);
      link(node, left);
      link(node, right);
    }
  }
  return neighbours.map((set) => [...set]);
}

/** 0 to `count` - 1 in random order. */
export function shuffledNumbers(count: number, random: () => number): number[] {
  const numbers = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [numbers[at], numbers[other]] = [numbers[other] ?? 0, numbers[at] ?? 0];
  }
  return numbers;
}
