// The drawing: layers from bottom to top, a card for each head and MLP, and the edges of the circuit.

import { button, chooser, fill, folded, h, pointed, pressed, s, scrolled } from "./dom.js";
import { CARD, curve, layout, nodeTexts, portLetters, whenTurned } from "./layout.js";
import { circuitTitle, reasonText, statusWord } from "./words.js";

export function graphView(region, app) {
  const texts = nodeTexts(app.model);
  whenTurned(() => app.render());
  return () => {
    const places = layout(app.model);
    document.querySelector("main").classList.toggle("wide", places.width > 560);
    const edges = drawnEdges(app);
    fill(region, toolbar(app), drawing(app, places, texts, edges), legend(app), edgeList(app, edges));
  };
}

function toolbar(app) {
  const { model, store } = app;
  const { state } = store;
  const circuit = model.truth.circuits[state.circuit];
  const choose = (value) =>
    store.set({ circuit: Number(value), member: 0, ablation: model.truth.circuits[Number(value)].ablation, size: null });
  const members = circuit.members.length > 1;
  const known = circuit.complete ? "" : ", more may exist";
  return h(
    "div",
    { class: "toolbar" },
    chooser("Circuit under", "circuit", model.truth.circuits.map((c, i) => [i, circuitTitle(c)]), state.circuit, choose),
    members &&
      state.mode !== "method" &&
      chooser(
        `Member of the family (${circuit.members.length}${known})`,
        "member",
        circuit.members.map((edges, i) => [i, `minimal circuit ${i + 1}: ${edges.length} edges`]),
        state.member,
        (value) => store.set({ member: Number(value) }, { minor: true }),
      ),
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "checkbox",
        "data-key": "all",
        checked: state.all,
        onchange: (event) => store.set({ all: event.target.checked }, { minor: true }),
      }),
      "show every edge that is read",
    ),
  );
}

/** The edges to draw, each with a class that says what it is in this mode. */
function drawnEdges(app) {
  const { model, store } = app;
  const { state } = store;
  const circuit = model.truth.circuits[state.circuit];
  const guessed = new Set(state.guess);
  const chosen = state.mode === "method" ? app.method?.chosen : null;
  const member = chosen?.member ?? new Set(circuit.members[state.member]);
  const found = [];
  for (const edge of model.truth.edges) {
    const fact = circuit.facts.get(edge.name);
    const kind = classOf({ state, fact, member, guessed, chosen, needed: circuit.needed }, edge);
    if (kind) found.push({ ...edge, fact, kind });
  }
  for (const name of chosen?.absent ?? []) found.push({ ...name, fact: { status: "absent" }, kind: "wrong" });
  return found;
}

function classOf({ state, fact, member, guessed, chosen, needed }, edge) {
  if (state.mode === "guess" && !state.shown) return guessed.has(edge.name) ? "guessed" : "faint";
  const inCircuit = member.has(edge.name);
  if (state.mode === "guess") return guessed.has(edge.name) ? (inCircuit ? "found" : "wrong") : inCircuit ? "missed" : "faint";
  if (chosen) {
    if (chosen.names.has(edge.name)) return inCircuit ? "found" : needed.has(edge.name) || fact.status === "undecided" ? "doubtful" : "wrong";
    return inCircuit ? "missed" : state.all ? "faint" : "";
  }
  if (inCircuit) return fact.redundant ? "live redundant" : "live";
  if (fact.redundant) return "faint redundant";
  if (fact.dispensable) return "dispensable";
  if (fact.status === "undecided") return "undecided";
  return state.all ? "faint" : "";
}

function drawing(app, places, texts, edges) {
  const { state } = app.store;
  const order = [...edges].sort((a, b) => Number(a.kind !== "faint") - Number(b.kind !== "faint"));
  return scrolled(
    "Drawing of the model",
    s(
      "svg",
      { viewBox: `0 0 ${places.width} ${places.height}`, role: "group",
        style: `width:100%;height:auto;min-width:${Math.round(places.width * 0.66)}px;max-width:${places.width}px`,
        "aria-label": "Layers from bottom to top with the edges of the circuit" },
      order.map((edge, index) => edgePath(app, places, edge, index)),
      [...places.nodes].map(([name, place]) => card(app, name, place, texts.get(name), state)),
    ),
  );
}

function edgePath(app, places, edge, index) {
  const path = curve(places, edge, index);
  if (!path) return null;
  const { state } = app.store;
  const cut = state.cuts.includes(edge.name);
  const selected = state.selected === `edge:${edge.name}`;
  const colour = edge.travels?.length ? app.colourOfName(edge.travels) : "var(--faint)";
  const says = `${edge.name}, ${statusWord(edge.fact)}${cut ? ", cut" : ""}: ${edge.travels ? reasonText(edge) : "absent"}`;
  const inOrder = edge.kind !== "faint" || state.mode === "guess";
  const keys = state.mode === "guess" ? {} : { Delete: () => app.toggleCut(edge.name) };
  return s(
    "g",
    {
      class: `edge ${edge.kind}${cut ? " cut" : ""}${selected ? " selected" : ""}`,
      role: "button",
      tabindex: inOrder ? 0 : -1,
      "data-key": `edge:${edge.name}`,
      "aria-label": says,
      "aria-pressed": state.mode === "guess" ? state.guess.includes(edge.name) : selected,
      "aria-keyshortcuts": Object.keys(keys).join(),
      ...pressed(() => app.chooseEdge(edge.name), keys),
      ...pointed(says),
    },
    s("path", { d: path, class: "hit" }),
    s("path", { d: path, class: "line", style: `--line:${colour}` }),
  );
}

function card(app, name, place, text, state) {
  const selected = state.selected === `node:${name}`;
  const bar = text?.labels?.length ? app.colour(text.labels[0]) : "var(--faint)";
  return s(
    "g",
    {
      class: `card${selected ? " selected" : ""}`,
      role: "button",
      tabindex: 0,
      "data-key": `node:${name}`,
      ...pressed(() => app.store.set({ selected: `node:${name}` }, { minor: true })),
      ...pointed([name, text?.text].filter(Boolean).join(": ")),
    },
    s("rect", { x: place.x, y: place.y, width: CARD.width, height: CARD.height, rx: 7 }),
    s("rect", { x: place.x, y: place.y, width: 6, height: CARD.height, rx: 3, class: "bar", style: `fill:${bar}` }),
    s("text", { x: place.x + 14, y: place.y + 18, class: "name" }, `${name} `),
    s("text", { x: place.x + 14, y: place.y + 35 }, shorten(text?.text ?? "", 19)),
    portLetters(name, place),
  );
}

function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function legend(app) {
  const { state } = app.store;
  const words =
    state.mode === "method" || (state.mode === "guess" && state.shown)
      ? [["found", "right"], ["wrong", "wrong"], ["missed", "missed"]]
      : state.mode === "guess"
        ? [["guessed", "in your circuit"], ["faint", "not in it"]]
        : inCircuitWords(app.model.truth.circuits[state.circuit]);
  const item = ([kind, text]) =>
    h("li", null, svgLine(kind), text);
  return h("ul", { class: "legend" }, words.map(item));
}

/** What the drawing of a circuit tells apart, as far as this circuit has it. */
function inCircuitWords(circuit) {
  const facts = [...circuit.facts.values()];
  return [
    ["live", "in the circuit, coloured by what travels"],
    facts.some((fact) => fact.redundant) && ["redundant live", "inert alone, needed together"],
    facts.some((fact) => fact.dispensable) && ["dispensable", "live alone, in no minimal circuit"],
    facts.some((fact) => fact.status === "undecided") && ["undecided", "undecided"],
    ["cut live", "cut"],
  ].filter(Boolean);
}

function svgLine(kind) {
  return s("svg", { width: 34, height: 10, "aria-hidden": "true" }, s("g", { class: `edge ${kind}` }, s("path", { d: "M1,5 L33,5", class: "line", style: "--line:var(--ink)" })));
}

/** The same edges as a table, for those who do not see the drawing, and to print. */
function edgeList(app, edges) {
  const rows = edges.filter((edge) => edge.kind !== "faint" || app.store.state.all || app.store.state.mode === "guess");
  const hidden = app.store.state.mode === "guess" && !app.store.state.shown;
  const row = (edge) => h(
    "tr",
    null,
    h("td", null, button(edge.name, `row:${edge.name}`, () => app.chooseEdge(edge.name), { class: "link" })),
    h("td", null, hidden ? "?" : statusWord(edge.fact)),
    h("td", null, edge.travels ? reasonText(edge) : "nothing that is read"),
  );
  const titles = ["edge", "status", "what travels"].map((title) => h("th", { scope: "col" }, title));
  const table = h("table", null, h("thead", null, h("tr", null, titles)), h("tbody", null, rows.map(row)));
  return folded("edge-list", `The ${rows.length} edges drawn, as a list`, scrolled("List of edges", table));
}
