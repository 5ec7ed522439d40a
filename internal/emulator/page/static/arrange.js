// Lays overlapping events side by side: events that overlap share the width of their column in equal lanes.

/** items: [{ event, from, to }] in minutes. Returns them with a lane and the number of lanes of their cluster. */
export function arrange(items) {
  const sorted = [...items].sort((a, b) => a.from - b.from || b.to - a.to);
  const placed = [];
  let cluster = [];
  let clusterEnd = -1;
  const flush = () => {
    const lanes = Math.max(0, ...cluster.map((i) => i.lane + 1));
    placed.push(...cluster.map((i) => ({ ...i, lanes })));
    cluster = [];
  };
  for (const item of sorted) {
    if (item.from >= clusterEnd) flush();
    const taken = new Set(cluster.filter((i) => i.to > item.from).map((i) => i.lane));
    let lane = 0;
    while (taken.has(lane)) lane++;
    cluster.push({ ...item, lane });
    clusterEnd = Math.max(clusterEnd, item.to);
  }
  flush();
  return placed;
}
