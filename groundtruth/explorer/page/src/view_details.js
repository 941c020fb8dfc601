// What is known about the edge, node or variable that is chosen, and what can be done with it.

import { button, chooser, fill, h, scrolled } from "./dom.js";
import { pairProblem, travelling } from "./analysis.js";
import { shown } from "./view_run.js";
import { ABLATIONS, notHeldText, proofText, reasonText, sequence, statusWord } from "./words.js";
import { nodeTexts } from "./layout.js";
import { labelsOf } from "./subspaces.js";

export function detailsView(region, app) {
  const texts = nodeTexts(app.model);
  return () => {
    const { state } = app.store;
    const [kind, name] = split(state.selected);
    const hidden = state.mode === "guess" && !state.shown;
    const changes = interventions(app);
    region.parentElement.hidden = hidden && kind !== "node" && !changes;
    fill(region, changes, hidden && kind !== "node" ? null : chosenDetails(app, kind, name, texts));
  };
}

function chosenDetails(app, kind, name, texts) {
  const { truth } = app.model;
  if (kind === "node") return nodeDetails(app, name, texts);
  if (kind === "edge") {
    const edge = truth.edges.find((item) => item.name === name);
    return edge ? edgeDetails(app, edge, texts) : h("p", null, `${name} is absent: what its source can write is not read by its destination.`);
  }
  if (kind === "variable") {
    const held = truth.variables.map((variable, index) => ({ variable, index })).filter((item) => labelsOf(item.variable).includes(name));
    if (held.length) return held.map((item) => variableDetails(app, item));
    const swappable = truth.variables.length ? ` What can be swapped: ${truth.variables.map((variable) => variable.name).join(", ")}.` : "";
    return [
      h("h3", null, app.model.program.byLabel.get(name)?.name ?? name),
      h("p", null, `${notHeldText(app.model)}: it cannot be swapped.${swappable}`),
    ];
  }
  return h("p", { class: "hint" }, "Choose an edge to see what travels on it and to cut it (by keyboard: Enter, Delete); a line of the program to swap its value; a card to see what it reads and writes.");
}

function split(selected) {
  const place = (selected ?? "").indexOf(":");
  return place < 0 ? ["", ""] : [selected.slice(0, place), selected.slice(place + 1)];
}

/** What is cut and swapped now, each with a way back. */
function interventions(app) {
  const { state } = app.store;
  const features = state.features === null ? null : app.model.features[state.features];
  if (!state.cuts.length && !state.swaps.length && !features) return null;
  const swapName = ({ variable, stage }) => {
    const found = app.model.truth.variables[variable];
    return `${found.name} ${found.stages[stage].state} at ${found.stages[stage].sites[0]}`;
  };
  return h(
    "ul",
    { class: "interventions", "aria-label": "What is changed now" },
    state.cuts.map((edge) =>
      h("li", null, `cut ${edge} `, button("Restore", `restore:${edge}`, () => app.store.set({ cuts: state.cuts.filter((cut) => cut !== edge) }), { "aria-label": `Restore ${edge}` })),
    ),
    features &&
      h("li", null, `swapped ${features.name} at ${features.site}${state.at ? `, position ${state.at[0]} from position ${state.at[1]} of the second input` : ""} `, button("Put back", "back:features", () => app.store.set({ features: null }), { "aria-label": `Put back ${features.name}` })),
    state.swaps.map((swap, i) =>
      h("li", null, `swapped ${swapName(swap)} `, button("Put back", `back:${i}`, () => app.store.set({ swaps: state.swaps.filter((_, j) => j !== i) }), { "aria-label": `Put back ${swapName(swap)}` })),
    ),
  );
}

function edgeDetails(app, edge, texts) {
  const { model, store, found } = app;
  const { state } = store;
  const circuit = model.truth.circuits[state.circuit];
  const fact = circuit.facts.get(edge.name);
  const cut = state.cuts.includes(edge.name);
  const impossible = pairProblem(model, state) !== "";
  const describe = (node) => `${node}${texts.get(node)?.text ? ` (${texts.get(node).text})` : ""}`;
  return h(
    "div",
    { class: "details" },
    h("h3", null, edge.name),
    h(
      "dl",
      null,
      row("writes", describe(edge.source)),
      row("reads", `${describe(edge.node)}${edge.letter ? `, as ${{ q: "query", k: "key", v: "value" }[edge.letter]}` : ""}`),
      row("travels", reasonText(edge)),
      row("status", `${statusWord(fact)}`),
      row("proof", proofText(fact, circuit)),
      fact.dispensable && row("together", "Cutting it alone changes an output, yet no minimal circuit holds it: what else such a circuit cuts makes up for it."),
      fact.redundant && row("together", "No single cut shows this edge, since others stand in for it; it is in a minimal circuit of the family."),
    ),
    h(
      "div",
      { class: "row" },
      chooser("A cut edge carries", "ablation", Object.entries(ABLATIONS), state.ablation, (value) => store.set({ ablation: value })),
      button(cut ? "Restore this edge" : "Cut this edge", "cut", () => app.toggleCut(edge.name), { class: "primary", disabled: impossible && state.ablation === "resample" }),
      fact.witness && button("Show the witness", "witness", () => app.showWitness(edge.name), { title: "Put the stored witness into the page and cut the edge" }),
    ),
    fact.witness && witnessText(circuit, fact.witness),
    arrivals(app, edge, found, state),
  );
}

const row = (title, text) => [h("dt", null, title), h("dd", null, text)];

function witnessText(circuit, witness) {
  const other = witness.counterfactual ? `, with the value from ${sequence(witness.counterfactual)}` : "";
  return h("p", { class: "witness" }, `Witness (${circuit.ablation}): on ${sequence(witness.clean)}${other} the output ${sequence(witness.output)} becomes ${sequence(witness.cutOutput)}.`);
}

function arrivals(app, edge, found, state) {
  if (pairProblem(app.model, state)) return null;
  const rows = travelling(app.model, state, found, edge);
  if (!rows.length) return null;
  return scrolled(
    "What travels on this edge",
    h(
      "table",
      { class: "by-position" },
      h("caption", null, `What travels here, and what would arrive instead: ${ABLATIONS[state.ablation]}`),
      h("tbody", null, rows.map(({ variable, written, arrives }) => [
        h("tr", null, h("th", { scope: "row" }, variable.name), written.map((item) => h("td", null, shown(item)))),
        h("tr", null, h("th", { scope: "row" }, "arrives if cut"), arrives.map((item, p) => h("td", { class: shown(item) === shown(written[p]) ? null : "changed" }, shown(item)))),
      ])),
    ),
  );
}

function nodeDetails(app, name, texts) {
  const { model, store } = app;
  const circuit = model.truth.circuits[store.state.circuit];
  const kept = new Set(circuit.members[store.state.member]);
  const list = (edges) =>
    edges.length
      ? h("ul", { class: "plain" }, edges.map((edge) => h("li", null, button(edge.name, `near:${edge.name}`, () => app.chooseEdge(edge.name), { class: "link" }), ` ${reasonText(edge)}`)))
      : h("p", null, "nothing in the circuit");
  const hidden = store.state.mode === "guess" && !store.state.shown;
  return h(
    "div",
    { class: "details" },
    h("h3", null, name),
    h("p", null, computesText(model, texts.get(name))),
    (texts.get(name)?.why ?? []).map((sentence) => h("p", { class: "hint" }, sentence)),
    hidden ? null : [
      h("h4", null, "Reads, in the circuit"),
      list(model.truth.edges.filter((edge) => edge.node === name && kept.has(edge.name))),
      h("h4", null, "Is read by"),
      list(model.truth.edges.filter((edge) => edge.source === name && kept.has(edge.name))),
    ],
  );
}

function computesText(model, { text, detail } = {}) {
  if (text) return `Computes ${text}${detail ? ` with ${detail}` : ""}.`;
  if (model.unplanned) return "What it computes is not known: this network chose its circuit itself.";
  return model.data.trained ? "It is no part of the planned circuit." : "Computes nothing.";
}

function variableDetails(app, { variable, index }) {
  const { store, model } = app;
  const { state } = store;
  const impossible = pairProblem(model, state) !== "";
  const swap = (stage) => store.set({ swaps: [...state.swaps.filter((item) => item.variable !== index), { variable: index, stage }], cuts: [], features: null });
  return h(
    "div",
    { class: "details" },
    h("h3", null, variable.name),
    h("p", null, `Written by ${variable.writer}; read by ${variable.readers.map(([name]) => name).join(", ") || "nothing"}.`),
    variable.encoding === "subspace" && h("p", { class: "hint" }, subspaceText(variable)),
    h("p", null, "Swap it: from there on, its value is that on the second input."),
    h(
      "ul",
      { class: "plain" },
      variable.stages.map((stage, i) =>
        h(
          "li",
          null,
          button(`Swap at ${stage.sites[0]}`, `swap:${index}:${i}`, () => swap(i), { disabled: impossible || stage.span === null }),
          variable.encoding === "subspace" ? ` ${stageText(stage)}` : ` ${stage.state}: ${{
            live: "all its readers see the swap",
            "partly live": `only ${stage.readers.map(([name]) => name).join(", ")} still see it`,
            dead: "nothing reads it any more: a swap does nothing",
          }[stage.state]}${stage.tried ? ` (${stage.tried.toLocaleString("en")} interchanges run, ${stage.wrong} wrong)` : ""}`,
        ),
      ),
    ),
  );
}

function subspaceText({ exact }) {
  if (exact) return "Its subspace follows from the weights: what its components write of it, as far as the circuit reads it.";
  return "Its subspaces were found by trying: each passes on every pair of inputs, and others may pass too.";
}

function stageText({ rank, sites, span, tried, wrong, rest, distinguishing }) {
  const runs = `${tried.toLocaleString("en")} interchanges run, ${Math.max(wrong, rest ?? 0).toLocaleString("en")} wrong`;
  if (span === null) return `no subspace is right on every pair (the best: ${runs})`;
  const where = sites.length > 1 ? `, up to ${sites.at(-1)}` : "";
  return `${rank} ${rank === 1 ? "dimension" : "dimensions"}${where} (${runs}; the output changes on ${distinguishing.toLocaleString("en")})`;
}
