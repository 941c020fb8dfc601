// What the reader has chosen: kept with its past for undo, and written into the URL's fragment.

import { keyOf, spell } from "./decoder.js";

export const MODES = ["explore", "method", "guess", "story"];

export function initialState(model) {
  const plain = plainState(model);
  return model.data.story ? { ...plain, ...stepState(model, 0, plain) } : plain;
}

/** The state of a step of the story; what the step does not name is as at first. */
export function stepState(model, step, plain = plainState(model)) {
  const fragment = new URLSearchParams(model.data.story.steps[step].state);
  return { ...readFragment(model, plain, fragment.toString()), mode: "story", step };
}

function plainState(model) {
  const first = model.data.example;
  return {
    mode: "explore",
    tokens: first,
    second: secondFor(model, first),
    circuit: 0,
    member: 0,
    cuts: [],
    ablation: model.truth.circuits[0].ablation,
    swaps: [],
    features: null,
    at: null,
    network: 0,
    step: 0,
    selected: null,
    all: false,
    site: 2 * model.network.nLayers,
    method: 0,
    size: null,
    guess: [],
    shown: false,
  };
}

/** A second input that differs in output: of the first live edge's witness where it fits, else of the domain. */
function secondFor(model, tokens) {
  const inputs = model.domain.inputs();
  const others = inputs.filter((input) => input.length === tokens.length && input.some((t, i) => keyOf(t) !== keyOf(tokens[i])));
  const expected = model.program.run(tokens).get(model.program.output).map(keyOf);
  const differs = (input) =>
    model.program.run(input).get(model.program.output).filter((value, p) => keyOf(value) !== expected[p]).length;
  const some = others.filter((_, i) => i % Math.max(1, Math.floor(others.length / 50)) === 0);
  return some.sort((a, b) => differs(b) - differs(a))[0] ?? inputs[0];
}

/** A store of one state with its past. */
export class Store {
  constructor(model, onchange) {
    this.model = model;
    this.onchange = onchange;
    this.initial = initialState(model);
    this.state = readAddress(model, this.initial, location.hash);
    this.past = [];
  }

  /** Change some fields; `minor` changes (what is looked at) are not steps to undo. */
  set(changes, { minor = false } = {}) {
    if (!minor) this.past.push(this.state);
    this.state = { ...this.state, ...changes };
    this.publish();
  }

  undo() {
    if (!this.past.length) return;
    this.state = this.past.pop();
    this.publish();
  }

  reset() {
    this.past.push(this.state);
    this.state = { ...baseOf(this.model, this.initial, this.state.step), mode: this.state.mode };
    this.publish();
  }

  publish() {
    const fragment = this.fragment();
    history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname + location.search);
    this.onchange();
  }

  /** The state as an address has it: what differs from the step of the story, or from the state at first. */
  fragment() {
    return writeFragment(this.state, baseOf(this.model, this.initial, this.state.step));
  }

  /** Take over a fragment that was typed, pasted or followed. */
  follow() {
    if (location.hash.slice(1) === this.fragment()) return;
    this.past.push(this.state);
    this.state = readAddress(this.model, this.initial, location.hash);
    this.onchange();
  }
}

const swapText = ({ swaps }) => swaps.map((swap) => `${swap.variable}:${swap.stage}`).join(" ");
const words = (tokens) => tokens.map(spell).join(" ");

export function writeFragment(state, initial) {
  const found = new URLSearchParams();
  const put = (name, value, usual) => value !== usual && found.set(name, value);
  put("mode", state.mode, initial.mode);
  put("input", words(state.tokens), words(initial.tokens));
  put("second", words(state.second), words(initial.second));
  put("circuit", String(state.circuit), String(initial.circuit));
  put("member", String(state.member), "0");
  put("ablation", state.ablation, initial.ablation);
  put("cut", state.cuts.join(" "), initial.cuts.join(" "));
  put("swap", swapText(state), swapText(initial));
  put("features", String(state.features), String(initial.features));
  put("at", (state.at ?? []).join(":"), (initial.at ?? []).join(":"));
  put("network", String(state.network), String(initial.network));
  put("step", String(state.step), "0");
  put("selected", state.selected ?? "", initial.selected ?? "");
  put("all", String(state.all), "false");
  put("site", String(state.site), String(initial.site));
  put("method", String(state.method), "0");
  put("size", String(state.size), "null");
  put("guess", state.guess.join(" "), "");
  put("shown", String(state.shown), "false");
  return found.toString();
}

function baseOf(model, initial, step) {
  return model.data.story ? stepState(model, step) : initial;
}

/** The state of an address: a step of the story, if it names one, and what differs from it. */
export function readAddress(model, initial, hash) {
  const step = Number(new URLSearchParams(hash.replace(/^#/, "")).get("step") ?? 0);
  const steps = model.data.story?.steps.length ?? 1;
  return readFragment(model, baseOf(model, initial, Number.isInteger(step) && step >= 0 && step < steps ? step : 0), hash);
}

/** The state of a fragment; what the model does not have is left out. */
export function readFragment(model, initial, hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...initial };
  const list = (name) => (given.get(name) ?? "").split(" ").filter(Boolean);
  const whole = (name, below, usual) => {
    const number = Number(given.get(name) ?? NaN);
    return Number.isInteger(number) && number >= 0 && number < below ? number : usual;
  };
  const edges = new Set(model.truth.edges.map((edge) => edge.name));
  const input = (name) => {
    const tokens = model.domain.parse(given.get(name) ?? "");
    return tokens.length && !model.domain.problem(tokens) ? tokens : initial[name === "input" ? "tokens" : "second"];
  };
  if (MODES.includes(given.get("mode"))) state.mode = given.get("mode");
  if (state.mode === "story" && !model.data.story) state.mode = "explore";
  state.tokens = input("input");
  state.second = input("second");
  state.circuit = whole("circuit", model.truth.circuits.length, initial.circuit);
  state.member = whole("member", model.truth.circuits[state.circuit].members.length, 0);
  if (["resample", "zero", "mean", "mean-positional"].includes(given.get("ablation"))) state.ablation = given.get("ablation");
  if (given.has("cut")) state.cuts = list("cut").filter((edge) => edges.has(edge));
  state.guess = list("guess").filter((edge) => edges.has(edge));
  if (given.has("swap")) {
    state.swaps = list("swap")
      .map((text) => text.split(":").map(Number))
      .filter(([variable, stage]) => model.truth.variables[variable]?.stages[stage])
      .map(([variable, stage]) => ({ variable, stage }));
  }
  if (given.has("features")) state.features = whole("features", model.features.length, null);
  if (given.has("at")) state.at = pairOf(given.get("at"), state);
  state.network = whole("network", model.networks.length, initial.network);
  state.step = whole("step", model.data.story?.steps.length ?? 1, initial.step);
  if (given.has("selected")) state.selected = given.get("selected");
  state.all = given.get("all") === "true";
  state.site = whole("site", 2 * model.network.nLayers + 1, initial.site);
  state.method = whole("method", Math.max(1, (model.data.rankings ?? []).length), 0);
  state.size = given.has("size") ? whole("size", model.network.graph.edges.length + 1, null) : null;
  state.shown = given.get("shown") === "true";
  return state;
}

/** A position of each input, as `2:3`; null for all positions, or where the inputs are too short. */
function pairOf(text, { tokens, second }) {
  const [to, from] = text.split(":").map(Number);
  return Number.isInteger(to) && Number.isInteger(from) && to >= 0 && from >= 0 && to < tokens.length && from < second.length ? [to, from] : null;
}
