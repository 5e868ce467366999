// What the drawing consists of, from the graph alone: nodes (services, topics, groups) and edges (who publishes, who reads).

export const EVERY_TOPIC = "*"; // what a service reads that reads all there is; it gets no edges, as they would hide the others
const PRIVATE_KINDS = new Set(["dead-letters", "memory", "replays", "retry"]);

export const topicId = (name) => `topic ${name}`;
export const publishEdge = (service, topic) => `publish ${service} ${topic}`;
export const readEdge = (reader, topic) => `read ${reader} ${topic}`;

/** The service that a topic such as `notifier.memory` belongs to, if there is one. */
function ownerByName(topic, services) {
  return services.filter(({ name }) => topic.startsWith(`${name}.`)).sort((a, b) => b.name.length - a.name.length)[0]?.name;
}

/**
 * Nodes by id, edges by id, and `owners`: which node has a topic that stands on it, not beside it. Such a topic is one
 * that a service keeps for itself: dead letters, memory, replays once there are some, and what nobody else publishes or
 * reads.
 *
 * producers: what has published, but is no service of the graph, such as a program of someone's own: source → topics.
 */
export function topology(graph, producers = new Map()) {
  const nodes = new Map();
  const edges = new Map();
  const owners = new Map();
  const services = new Map(graph.services.map((service) => [service.name, service]));
  const groups = new Map(graph.groups.map((group) => [group.name, group]));
  const topics = new Map(graph.topics.map((topic) => [topic.name, { ...topic }]));
  const publishers = new Map(); // topic → names
  const readers = new Map(); // topic → ids of nodes

  const note = (map, topic, who) => {
    if (!topics.has(topic)) topics.set(topic, { name: topic, kind: "missing", partitions: null, records: null, per_second: null });
    if (!map.has(topic)) map.set(topic, new Set());
    map.get(topic).add(who);
  };
  for (const { name, publishes } of services.values()) for (const topic of publishes) note(publishers, topic, name);
  for (const [source, published] of producers) for (const topic of published) note(publishers, topic, source);
  for (const { name, reads, group } of services.values()) {
    for (const topic of new Set([...reads.filter((topic) => topic !== EVERY_TOPIC), ...Object.keys(groups.get(group)?.topics ?? {})])) note(readers, topic, name);
  }
  const isOwn = (group) => services.get(group.service)?.group === group.name;
  for (const group of groups.values()) {
    if (!isOwn(group)) for (const topic of Object.keys(group.topics)) note(readers, topic, `group ${group.name}`);
  }

  for (const { name, kind } of topics.values()) {
    const publishing = [...publishers.get(name) ?? []];
    const reading = [...readers.get(name) ?? []];
    const [only] = publishing;
    const owner = PRIVATE_KINDS.has(kind) ? ownerByName(name, graph.services)
      : publishing.length === 1 && reading.length === 1 && only === reading[0] && services.get(only)?.group ? only : undefined;
    if (owner && [...publishing, ...reading].every((who) => who === owner)) owners.set(name, owner);
  }

  for (const service of services.values()) {
    if (service.reads.includes(EVERY_TOPIC) && !service.publishes.length) nodes.set(service.name, { id: service.name, kind: "page", name: service.name, topics: [] });
    else nodes.set(service.name, { id: service.name, kind: "service", name: service.name, group: service.group, topics: [] });
  }
  for (const source of producers.keys()) if (!services.has(source)) nodes.set(source, { id: source, kind: "producer", name: source, topics: [] });
  for (const { name } of topics.values()) {
    if (!owners.has(name)) nodes.set(topicId(name), { id: topicId(name), kind: "topic", name });
  }
  for (const group of groups.values()) {
    if (!isOwn(group)) nodes.set(`group ${group.name}`, { id: `group ${group.name}`, kind: "group", name: group.name, group: group.name, topics: [] });
  }
  for (const [topic, owner] of owners) {
    const isUnused = topics.get(topic).kind === "replays" && topics.get(topic).records === 0;
    if (!isUnused) nodes.get(owner).topics.push(topic);
  }

  const join = (id, from, to, more) => edges.set(id, { id, from, to, ...more });
  for (const [topic, names] of publishers) {
    if (owners.has(topic)) continue;
    for (const name of names) join(publishEdge(name, topic), name, topicId(topic), { kind: "publish", topic });
  }
  for (const [topic, ids] of readers) {
    if (owners.has(topic)) continue;
    for (const id of ids) {
      const { group, kind } = nodes.get(id);
      const service = services.get(id);
      let to = id;
      if (kind === "service" && !group && service.publishes.length) {
        // a page shows what its own events led to: drawn a second time, on the right
        to = `page ${id}`;
        nodes.set(to, { id: to, kind: "page", name: id, topics: [] });
      }
      join(readEdge(group ?? id, topic), topicId(topic), to, { kind: "read", topic, grouped: Boolean(group) });
    }
  }
  return { nodes, edges, owners };
}
