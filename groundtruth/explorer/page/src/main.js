// Starts the page: reads the model beside this script and keeps all regions true to the state.

import { analyse } from "./analysis.js";
import { button, fill, h } from "./dom.js";
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
    tip: (event, text) => showTip(event, text),
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

function showTip(event, text) {
  const tip = document.getElementById("tip");
  tip.hidden = !event;
  if (!event) return;
  tip.textContent = text;
  tip.style.left = `${Math.max(0, Math.min(event.clientX + 14, innerWidth - 320))}px`;
  tip.style.top = `${event.clientY + 18}px`;
}

function headerView(region, app) {
  const { store } = app;
  const share = async (event) => {
    await navigator.clipboard?.writeText(location.href).catch(() => null);
    event.target.textContent = "The address holds all you see";
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
        button("Undo", "undo", () => store.undo(), { disabled: !store.past.length }),
        button("Reset", "reset", () => store.reset()),
        button("Copy a link to this", "share", share),
      ),
    );
  };
}

start();
