// Where nodes stand and how edges run: layers from bottom to top, heads left and the MLP right of them.

import { s } from "./dom.js";
import { ROLES, ROLE_REASONS } from "./words.js";

export const CARD = { width: 148, height: 50 };
const GAP = { x: 26, row: 88, side: 70, top: 14 };

/** What each head and MLP computes, in words, with the expressions' labels for colours. */
export function nodeTexts(model) {
  const names = new Map(model.program.expressions.map((e) => [e.label, e.name]));
  const texts = new Map();
  texts.set("input", { text: "the tokens", labels: ["tokens"] });
  texts.set("pos", { text: "the positions", labels: ["indices"] });
  for (const [layer, head, label, role] of model.data.heads) {
    const text = ROLES[role](names.get(label) ?? "");
    texts.set(`a${layer}.h${head}`, { text, labels: label && role !== "decoy" ? [label] : [], why: reasons([role]) });
  }
  const byLayer = new Map();
  for (const [layer, label, role, count] of model.data.neurons) {
    const parts = byLayer.get(layer) ?? byLayer.set(layer, { words: [], labels: [], roles: [], count: 0 }).get(layer);
    const word = role === "decoy" ? "decoys" : ROLES[role](names.get(label));
    if (word && !parts.words.includes(word)) parts.words.push(word);
    if (["compute", "backup", "voter", "majority"].includes(role)) parts.labels.push(label);
    parts.roles.push(role);
    parts.count += count;
  }
  for (const [layer, { words, labels, roles, count }] of byLayer) {
    const detail = count ? `${count} neurons` : "";
    texts.set(`m${layer}`, { text: words.join(", "), labels, detail, why: reasons(roles) });
  }
  texts.set("logits", { text: names.get(model.program.output), labels: [model.program.output] });
  return texts;
}

const phone = globalThis.matchMedia?.("(max-width: 600px)");

/** Draw again when a phone is turned. */
export function whenTurned(redraw) {
  phone?.addEventListener("change", redraw);
}

/** Places of the nodes that have weights, and the size of the drawing. On a phone a layer's heads stand two by two. */
export function layout(model) {
  const { network } = model;
  const rows = [];
  for (const step of network.steps) {
    if (step.kind === "attention") rows.push(...inRows(step.heads.map((head) => head.name)));
    else if (step.read.weight.columns) rows.push({ mlp: `m${step.layer}` });
  }
  const columns = Math.max(1, ...rows.map((row) => row.heads?.length ?? 0));
  const pitch = CARD.width + GAP.x;
  // Beside a single head the MLP has a column of its own; between several heads it stands in the middle.
  const beside = columns === 1 ? 1 : (columns - 1) / 2;
  const width = GAP.side * 2 + Math.max(2, columns) * pitch - GAP.x;
  const filled = rows.filter((row) => row.mlp || row.heads.length);
  const height = GAP.top * 2 + CARD.height + (filled.length + 1) * GAP.row;
  const nodes = new Map();
  const put = (name, column, y) => nodes.set(name, { x: GAP.side + column * pitch, y });
  let y = height - CARD.height - GAP.top;
  put("input", columns === 1 ? 0 : beside - 0.5, y);
  if (network.position) put("pos", columns === 1 ? 1 : beside + 0.5, y);
  for (const { heads, mlp } of filled) {
    y -= GAP.row;
    if (mlp) put(mlp, beside, y);
    else heads.forEach((name, i) => put(name, i + (columns - heads.length) / 2, y));
  }
  put("logits", columns === 1 ? 0.5 : beside, GAP.top);
  return { nodes, width, height };
}

function inRows(names) {
  const most = phone?.matches ? 2 : names.length;
  const rows = Array.from({ length: Math.ceil(names.length / most) || 0 }, (_, i) => names.slice(i * most, (i + 1) * most));
  return rows.map((heads) => ({ heads }));
}

const PORTS = { q: 0.2, k: 0.5, v: 0.8 };

/** The curve of an edge from its source to the port of its destination. */
export function curve(places, edge, index) {
  const [from, to] = [places.nodes.get(edge.source), places.nodes.get(edge.node)];
  if (!from || !to) return null;
  const x2 = to.x + CARD.width * (PORTS[edge.letter] ?? 0.25 + 0.1 * (index % 6));
  const y2 = to.y + CARD.height;
  const rows = Math.round((from.y - to.y) / GAP.row);
  if (rows <= 1) {
    const x1 = from.x + CARD.width * (0.3 + 0.1 * (index % 5));
    return `M${x1},${from.y} C${x1},${from.y - 22} ${x2},${y2 + 22} ${x2},${y2}`;
  }
  // A long edge leaves its card at the side and swings out, past the cards of the rows between.
  const side = from.x + CARD.width / 2 <= places.width / 2 ? -1 : 1;
  const x1 = from.x + (side < 0 ? 0 : CARD.width);
  const y1 = from.y + CARD.height * (0.3 + 0.1 * (index % 5));
  const swing = side * Math.min(GAP.side + 40, 34 + 11 * rows + 7 * (index % 5));
  const outermost = side < 0 ? Math.min(x1, to.x) : Math.max(x1, to.x + CARD.width);
  const lift = Math.max(40, (y1 - y2) * 0.35);
  return `M${x1},${y1} C${outermost + swing},${y1 - 8} ${(outermost + swing + x2) / 2},${y2 + lift} ${x2},${y2}`;
}

/** The letters of a head's query, key and value, where edges reach its card. */
export function portLetters(name, place) {
  if (!name.startsWith("a")) return [];
  const letter = ([text, share]) => s("text", { x: place.x + CARD.width * share - 3, y: place.y + CARD.height - 3, class: "port", "aria-hidden": "true" }, text);
  return Object.entries(PORTS).map(letter);
}

function reasons(roles) {
  return [...new Set(roles.map((role) => ROLE_REASONS[role]).filter(Boolean))];
}
