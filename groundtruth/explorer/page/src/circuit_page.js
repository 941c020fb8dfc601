// The page of a circuit of a language model: its edges at every size, and what it does on a prompt.

import { button, chooser, fill, folded, h, listen, pointed, pressed, s, scrolled } from "./dom.js";
import { CARD, curve, layout, portLetters, whenTurned } from "./layout.js";
import { parseEdge } from "./network.js";

const data = JSON.parse(document.getElementById("circuit").textContent);
const edges = data.edges.map((name, i) => ({ name, ...parseEdge(name), score: data.scores[i], effect: data.effects[i], i }));
const drawable = data.sizes.map((size, i) => i).filter((i) => data.sizes[i].edges);
let state = readFragment();

function readFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  const index = (name, allowed, usual) => (given.has(name) && allowed.includes(Number(given.get(name))) ? Number(given.get(name)) : usual);
  return {
    size: index("size", drawable, data.shown),
    prompt: index("prompt", [...data.prompts.keys()], 0),
    selected: given.get("selected"),
  };
}

function set(changes) {
  state = { ...state, ...changes };
  const found = new URLSearchParams();
  if (state.size !== data.shown) found.set("size", state.size);
  if (state.prompt) found.set("prompt", state.prompt);
  if (state.selected) found.set("selected", state.selected);
  history.replaceState(null, "", String(found) ? `#${found}` : location.pathname + location.search);
  render();
}

const number = (value) => (value === null ? "–" : Math.abs(value) < 1e-12 ? "0" : Number(value.toPrecision(3)).toString());
const kept = () => data.sizes[state.size].edges.map((i) => edges[i]);

function render() {
  fill(document.getElementById("size"), ...sizePanel());
  fill(document.getElementById("graph"), drawing(), edgeList());
  fill(document.getElementById("prompt"), ...promptPanel());
  fill(document.getElementById("details"), ...details());
}

function sizePanel() {
  const size = data.sizes[state.size];
  const told = `${size.n} of ${data.total} edges${data.ranks && size.parts !== size.n ? `, of the best ${size.parts}` : ""}`;
  return [
    drawable.length > 1 &&
      h("label", { class: "field" }, h("span", null, "Size"), h("input", {
        type: "range", min: 0, max: drawable.length - 1, value: drawable.indexOf(state.size), "data-key": "size", "aria-valuetext": told,
        oninput: (event) => set({ size: drawable[Number(event.target.value)] }),
      })),
    h("p", { id: "told" }, `${told}. Faithfulness ${size.f.toFixed(2)}: 1 is the whole model, 0 none of it.`),
    data.sizes.length > 1 && plot(),
    h("p", { class: "hint" }, "What is cut carries its value on the counterfactual prompt."),
  ];
}

/** Faithfulness by size, which grows by factors: the horizontal axis is logarithmic. */
function plot() {
  const [width, height, pad] = [300, 150, 20];
  const most = Math.log(data.sizes.at(-1).parts);
  const values = data.sizes.map(({ f }) => f);
  const [low, high] = [Math.min(0, ...values), Math.max(1, ...values)];
  const x = (parts) => pad + (most ? Math.log(parts) / most : 0) * (width - 2 * pad);
  const y = (f) => height - pad - ((f - low) / (high - low)) * (height - 2 * pad);
  const line = data.sizes.map(({ parts, f }, i) => `${i ? "L" : "M"}${x(parts).toFixed(1)},${y(f).toFixed(1)}`).join("");
  const at = x(data.sizes[state.size].parts);
  return h("figure", null,
    s("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": `Faithfulness from ${number(values[0])} at ${data.sizes[0].parts} to ${number(values.at(-1))} at ${data.sizes.at(-1).parts}` },
      s("path", { d: `M${pad},${y(1)}L${width - pad},${y(1)}M${pad},${y(0)}L${width - pad},${y(0)}`, class: "axis" }),
      s("path", { d: `M${at},${pad}L${at},${height - pad}`, class: "at" }),
      s("path", { d: line, class: "signed" }),
      s("text", { x: 4, y: y(1) + 4 }, "1"), s("text", { x: 4, y: y(0) + 4 }, "0")),
    h("figcaption", null, `Faithfulness by size on ${data.pairs} prompts, sizes on a logarithmic scale`));
}

/** As `layout` wants a model: the heads and MLPs that the circuit holds. */
function parts() {
  const names = new Set(kept().flatMap(({ source, node }) => [source, node]));
  const steps = [];
  for (let layer = 0; layer < data.layers; layer++) {
    const heads = Array.from({ length: data.heads }, (_, i) => ({ name: `a${layer}.h${i}` })).filter(({ name }) => names.has(name));
    steps.push({ kind: "attention", heads });
    if (names.has(`m${layer}`)) steps.push({ kind: "mlp", layer, read: { weight: { columns: 1 } } });
  }
  return { network: { steps, position: data.pos } };
}

const weightOf = (edge) => Math.abs(data.prompts[state.prompt].effects[edge.i]);

function drawing() {
  const places = layout(parts());
  document.querySelector("main").classList.toggle("wide", places.width > 560);
  const shown = kept();
  const largest = Math.max(1e-12, ...shown.map(weightOf));
  return scrolled("Drawing of the circuit",
    s("svg", { viewBox: `0 0 ${places.width} ${places.height}`, role: "group", "aria-label": "Layers from bottom to top with the edges of the circuit",
      style: `width:100%;height:auto;min-width:${Math.round(places.width * 0.66)}px;max-width:${places.width}px` },
      shown.map((edge, i) => path(places, edge, i, weightOf(edge) / largest)),
      [...places.nodes].map(([name, place]) => card(name, place))));
}

function path(places, edge, index, share) {
  const d = curve(places, edge, index);
  if (!d) return null;
  const effect = data.prompts[state.prompt].effects[edge.i];
  const says = `${edge.name}: score ${number(edge.score)}; cut alone, the ${data.metric} falls by ${number(effect)}`;
  const selected = state.selected === `edge:${edge.name}`;
  return s("g", { class: `edge live${selected ? " selected" : ""}`, role: "button", tabindex: 0, "data-key": `edge:${edge.name}`, "aria-label": says, "aria-pressed": String(selected),
    ...pressed(() => set({ selected: `edge:${edge.name}` })), ...pointed(says) },
    s("path", { d, class: "hit" }),
    s("path", { d, class: "line", style: `--line:var(${effect < 0 ? "--bad" : "--accent"});stroke-width:${(1 + 4 * share).toFixed(2)}` }));
}

function card(name, place) {
  const selected = state.selected === `node:${name}`;
  return s("g", { class: `card${selected ? " selected" : ""}`, role: "button", tabindex: 0, "data-key": `node:${name}`, ...pressed(() => set({ selected: `node:${name}` })) },
    s("rect", { x: place.x, y: place.y, width: CARD.width, height: CARD.height, rx: 7 }),
    s("text", { x: place.x + 14, y: place.y + 30, class: "name" }, name),
    portLetters(name, place));
}

function table(shown, title) {
  const { effects } = data.prompts[state.prompt];
  const ordered = [...shown].sort((a, b) => Math.abs(b.score ?? effects[b.i]) - Math.abs(a.score ?? effects[a.i]));
  const row = (edge) => h("tr", null,
    h("td", null, button(edge.name, `row:${edge.name}`, () => set({ selected: `edge:${edge.name}` }), { class: "link" })),
    [edge.score, effects[edge.i], edge.effect].map((value) => h("td", { class: "number" }, number(value))));
  return scrolled(title,
    h("table", { class: "measured" },
      h("thead", null, h("tr", null, ["edge", "score", "cut alone, here", "on average"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", null, ordered.map(row))));
}

function edgeList() {
  return h("div", null,
    h("p", { class: "hint" }, `An edge is as wide as the ${data.metric} falls on this prompt if it alone is cut; red where it rises.`),
    folded("edge-list", `The ${kept().length} edges, as a list`, table(kept(), "List of edges")));
}

function promptPanel() {
  const prompt = data.prompts[state.prompt];
  const other = new Map(prompt.counterfactual.map((token, i) => [prompt.counterfactual.length - i, token]));
  const mine = new Map(prompt.clean.map((token, i) => [prompt.clean.length - i, token]));
  // Compared from the end, where both are read, since prompts may differ in length.
  const words = (tokens, against) => h("p", { class: "tokens" }, tokens.map((token, i) => [h(against.get(tokens.length - i) === token ? "span" : "mark", null, token), " "]));
  const size = data.sizes[state.size];
  const facts = [
    ["whole model, this prompt", prompt.full], ["whole model, counterfactual", prompt.empty],
    [`the circuit of ${size.n} edges`, prompt.circuits[state.size]],
  ];
  return [
    data.prompts.length > 1 && chooser("Example", "prompt", data.prompts.map((item, i) => [i, `${i + 1}: ${item.clean.join(" ").slice(0, 60)}`]), state.prompt, (value) => set({ prompt: Number(value) })),
    h("h3", null, "Clean"), words(prompt.clean, other),
    h("h3", null, "Counterfactual"), words(prompt.counterfactual, mine),
    prompt.answers && h("p", null, `Right answer ${prompt.answers[0]}, wrong answer ${prompt.answers[1]}.`),
    h("table", { class: "measured" },
      h("caption", null, `The ${data.metric}`),
      h("tbody", { id: "metric" }, facts.map(([text, value]) => h("tr", null, h("th", { scope: "row" }, text), h("td", { class: "number" }, number(value)))))),
    h("table", { class: "measured" },
      h("caption", null, "Likeliest next tokens of the whole model"),
      h("tbody", null, prompt.likeliest.map(([token, share]) => h("tr", null, h("th", { scope: "row" }, token), h("td", { class: "number" }, `${(100 * share).toFixed(1)} %`))))),
  ];
}

function details() {
  const [kind, name] = (state.selected ?? "").split(/:(.*)/s);
  const edge = edges.find((item) => item.name === name);
  if (kind === "edge" && edge) return [h("h3", null, edge.name), table([edge], "The chosen edge")];
  const near = kept().filter(({ source, node }) => source === name || node === name);
  if (kind === "node" && near.length) return [h("h3", null, name), table(near, `Edges of ${name}`)];
  return [h("p", { class: "hint" }, "Choose an edge or a card to see its scores, and what a cut of that edge alone does.")];
}

listen();
whenTurned(render);
addEventListener("hashchange", () => {
  state = readFragment();
  render();
});
render();
document.body.dataset.ready = "true";
