// Starts the page: reads the model beside this script and keeps all regions true to the state.

import { analyse, pairProblem } from "./analysis.js";
import { button, fill, h, listen } from "./dom.js";
import { nodeTexts } from "./layout.js";
import { readModel } from "./model.js";
import { withNumbers } from "./packed_page.js";
import { Store } from "./state.js";
import { attentionView } from "./view_attention.js";
import { detailsView } from "./view_details.js";
import { graphView } from "./view_graph.js";
import { chooseByMethod, guessActions, MODE_NAMES, modeView } from "./view_mode.js";
import { programView } from "./view_program.js";
import { runView } from "./view_run.js";

const HUES = [212, 22, 145, 285, 340, 52, 178, 250, 8, 100, 315, 195];

function start() {
  const model = readModel(withNumbers(JSON.parse(document.getElementById("model").textContent), globalThis.packedNumbers));
  const app = makeApp(model);
  const mode = modeView(document.getElementById("mode"), app);
  const views = [
    mode,
    headerView(document.getElementById("tools"), app),
    programView(document.getElementById("program"), app),
    graphView(document.getElementById("graph"), app),
    runView(document.getElementById("run"), app),
    detailsView(document.getElementById("details"), app),
    attentionView(document.getElementById("attention"), app),
  ];
  app.render = () => {
    app.found = analyse(model, app.store.state);
    app.method = chooseByMethod(app);
    if (app.verdict?.guess !== app.store.state.guess) app.verdict = app.hint = null;
    document.body.dataset.mode = app.store.state.mode;
    document.body.dataset.network = app.store.state.network;
    for (const view of views) view();
  };
  app.renderMode = mode;
  addEventListener("hashchange", () => app.store.follow());
  listen();
  app.render();
  document.body.dataset.ready = "true";
  globalThis.explorer = app;
}

function makeApp(model) {
  const labels = model.program.sops.map((e) => e.label);
  const names = new Map(model.program.sops.map((e) => [e.name, e.label]));
  for (const e of model.program.sops) names.set(`1/(1+${e.name})`, e.label);
  const colour = (label) => {
    const index = labels.indexOf(label);
    if (index < 0) return "var(--faint)";
    const hue = HUES[index % HUES.length];
    return `light-dark(hsl(${hue} 72% 36%), hsl(${hue} 78% 70%))`;
  };
  const app = {
    model,
    texts: nodeTexts(model),
    colour,
    colourOfName: (travels) => {
      const name = travels.find((item) => names.has(item));
      return name ? colour(names.get(name)) : "var(--faint)";
    },
    typed: (name, tokens) => app.store.set({ [name]: tokens }),
    chooseEdge: (name) => chooseEdge(app, name),
    showWitness: (name) => showWitness(app, name),
    toggleCut: (name) => toggleCut(app, name),
  };
  Object.assign(app, guessActions(app));
  app.store = new Store(model, () => app.render());
  return app;
}

/** Look at an edge; while guessing, put it into the circuit or take it out. */
function chooseEdge(app, name) {
  const { state } = app.store;
  const selected = `edge:${name}`;
  if (state.mode !== "guess" || state.shown) return app.store.set({ selected }, { minor: true });
  const guess = state.guess.includes(name) ? state.guess.filter((edge) => edge !== name) : [...state.guess, name];
  return app.store.set({ guess });
}

/** Cut an edge, or restore it; where the second input cannot be put in, only look at it. */
function toggleCut(app, name) {
  const { store, model } = app;
  const { cuts, ablation } = store.state;
  if (ablation === "resample" && pairProblem(model, store.state)) return chooseEdge(app, name);
  return store.set({ cuts: cuts.includes(name) ? cuts.filter((cut) => cut !== name) : [...cuts, name], selected: `edge:${name}` });
}

/** Put a stored witness into the page: its two inputs, and the edge cut. */
function showWitness(app, name) {
  const { store, model } = app;
  const circuit = model.truth.circuits[store.state.circuit];
  const { witness } = circuit.facts.get(name);
  store.set({
    tokens: witness.clean,
    second: witness.counterfactual ?? store.state.second,
    ablation: circuit.ablation,
    cuts: [name],
    swaps: [],
    selected: `edge:${name}`,
  });
}

function headerView(region, app) {
  const { store } = app;
  const share = async (event) => {
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    event.target.textContent = copied ? "Copied" : "Copy it from the address bar";
  };
  return () => {
    fill(
      region,
      h("div", { class: "row", role: "group", "aria-label": "What to do" },
        Object.entries(MODE_NAMES).filter(([mode]) => mode !== "story" || app.model.data.story).map(([mode, text]) =>
          button(text, `mode:${mode}`, () => app.store.set({ mode, circuit: mode === "method" ? 0 : store.state.circuit }), { "aria-pressed": String(store.state.mode === mode) }),
        ),
      ),
      h("div", { class: "row" },
        button("Undo", "undo", () => store.undo(), { "aria-disabled": String(!store.past.length) }),
        button("Reset", "reset", () => store.reset()),
        button("Copy a link to this", "share", share),
      ),
    );
  };
}

start();
