// What the model and its program do in a state of the page: runs with edges cut and variables swapped, read by variable.

import { byDestination, codesOf, encode, replacement, valuesOf, widthFor } from "./model.js";
import { addTo, dot } from "./matrix.js";
import { run } from "./network.js";
import { keyOf } from "./decoder.js";
import { UNDEFINED } from "./program.js";
import { exchangeSubspace, labelsOf, readSubspace, someOf, stageAt, stageOf } from "./subspaces.js";

/** Run both inputs, and the first with what the state cuts and swaps. */
export function analyse(model, state) {
  const circuit = model.truth.circuits[state.circuit];
  const n = state.tokens.length;
  // Proofs about cut edges pad inputs to one length; interchanges of variables are run on inputs as they are.
  const width = state.cuts.length ? widthFor(model, circuit.lengths, state.tokens, state.second) : 0;
  const network = model.networks[state.network];
  const whole = run(network, encode(model, state.tokens, width));
  const other = run(network, encode(model, state.second, width));
  const change = {};
  if (state.cuts.length) {
    change.cut = byDestination(state.cuts);
    change.put = replacement(model, state.ablation, circuit.lengths, other);
  }
  const features = state.features === null ? null : model.features[state.features];
  if (state.swaps.length || features) change.move = swaps(model, state, other, features);
  const intervened = state.cuts.length > 0 || state.swaps.length > 0 || features !== null;
  const changed = intervened ? run(network, encode(model, state.tokens, width), change) : whole;
  const values = model.program.run(state.tokens);
  const causal = state.swaps.length || features?.variable ? causalValues(model, state, features) : null;
  return {
    n,
    circuit,
    whole,
    other,
    changed,
    intervened,
    values,
    causal,
    output: valuesOf(model, codesOf(model, whole, n)),
    secondOutput: valuesOf(model, codesOf(model, other, state.second.length)),
    changedOutput: valuesOf(model, codesOf(model, changed, n)),
  };
}

/** Whether the second input may be put into the first: of one length, unless padding is harmless. */
export function pairProblem(model, state) {
  if (model.data.pad_safe || state.tokens.length === state.second.length) return "";
  return "Padding changes what this model gives: choose a second input as long as the first.";
}

export function coordinates(model, variable, vector) {
  const frame = model.network.frame;
  return variable.dimensions.map((d) => (frame ? dot(frame.row(d), vector) : vector[d]));
}

/** What a stream holds of a variable: `{value, exact}`; inexact where it is a mixture or no value at all. */
export function readVariable(model, variable, vector) {
  const held = coordinates(model, variable, vector);
  if (variable.encoding === "number") return { value: tidy(held[0]), exact: true };
  if (variable.encoding === "reciprocal") {
    return Math.abs(held[0]) < 1e-6 ? { value: null, exact: false } : { value: tidy(1 / held[0] - 1), exact: true };
  }
  let best = 0;
  held.forEach((x, i) => {
    if (x > held[best]) best = i;
  });
  const rest = Math.max(0, ...held.map((x, i) => (i === best ? 0 : Math.abs(x))));
  // As the decoder has it: what no direction holds is none.
  if (held[best] < 1e-2 && rest < 1e-2) return { value: null, exact: true };
  return { value: variable.held[best], exact: Math.abs(held[best] - 1) < 0.1 && rest < 0.1 };
}

function tidy(number) {
  const whole = Math.round(number);
  return Math.abs(number - whole) < 1e-6 ? whole : number;
}

/** What a stream at one sublayer holds of every variable [variable][position], without BOS. */
export function readStream(model, result, sublayer, n) {
  const stream = result.streams.get(sublayer);
  return model.truth.variables.map((variable) => {
    const stage = variable.encoding === "subspace" ? stageAt(variable, sublayer) : null;
    if (variable.encoding === "subspace" && !stage) return Array.from({ length: n }, () => NOT_THERE);
    return Array.from({ length: n }, (_, p) => readAt(model, variable, stage, stream[p + 1]));
  });
}

/** What stands where a trained model holds a variable in no known subspace. */
const NOT_THERE = { value: null, exact: true, absent: true };

function readAt(model, variable, stage, vector) {
  return stage ? readSubspace(variable, stage, vector, () => runsOf(model)) : readVariable(model, variable, vector);
}

/** Runs of inputs of the domain with the program's values, by which subspaces are read. */
function runsOf(model) {
  model.runs ??= someOf(model.domain.inputs()).map((tokens) => {
    const found = model.program.run(tokens);
    const values = (variable, p) => {
      const own = labelsOf(variable).map((label) => found.get(label)[p]);
      return own.length === 1 ? own[0] : { tuple: own };
    };
    return { result: run(model.network, encode(model, tokens)), values, key: keyOf, n: tokens.length };
  });
  return model.runs;
}

/** The first sublayer that can read what a site's component writes. */
export function sublayersOf(variable, stage) {
  return variable.stages[stage].sublayers;
}

/** Positions of the first input with those of the second that features come from: one pair, or all that both have. */
function pairedPositions(state) {
  if (state.at) return [state.at];
  return Array.from({ length: Math.min(state.tokens.length, state.second.length) }, (_, p) => [p, p]);
}

/** Moves of the residual stream: at each position that both inputs have, a variable's part is the second input's. */
function swaps(model, state, other, features) {
  const moves = new Map();
  const common = Math.min(state.tokens.length, state.second.length);
  if (features) {
    moves.set(features.sublayer, (stream) => {
      const source = other.streams.get(features.sublayer);
      for (const [to, from] of pairedPositions(state)) stream[to + 1] = features.interchange(stream[to + 1], source[from + 1]);
    });
  }
  for (const { variable: index, stage } of state.swaps) {
    const variable = model.truth.variables[index];
    const sublayer = Math.min(...sublayersOf(variable, stage));
    const before = moves.get(sublayer);
    moves.set(sublayer, (stream, outputs) => {
      before?.(stream, outputs);
      if (variable.encoding === "subspace") {
        exchangeSubspace(variable, variable.stages[stage], { stream, outputs, other });
        return;
      }
      const source = other.streams.get(sublayer);
      for (let p = 1; p <= common; p++) exchange(model, variable, stream[p], source[p]);
    });
  }
  return moves;
}

function exchange(model, variable, vector, source) {
  const [own, others] = [coordinates(model, variable, vector), coordinates(model, variable, source)];
  variable.dimensions.forEach((d, i) => {
    const frame = model.network.frame;
    if (frame) addTo(vector, frame.row(d), others[i] - own[i]);
    else vector[d] += others[i] - own[i];
  });
}

/** What the program gives with the same variables taken from the second input: the causal model. */
export function causalValues(model, state, features = null) {
  const second = model.program.run(state.second);
  const common = Math.min(state.tokens.length, state.second.length);
  const replaced = new Map();
  if (features) {
    const paired = new Map(pairedPositions(state));
    replaced.set(features.variable, {
      values: state.tokens.map((_, p) => (paired.has(p) ? second.get(features.variable)[paired.get(p)] : null)),
      where: state.tokens.map((_, p) => paired.has(p)),
      readers: null,
    });
  }
  for (const { variable: index, stage } of state.swaps) {
    const variable = model.truth.variables[index];
    const readers = variable.stages[stage].readers;
    // A width as a reciprocal is read by the neurons that make it one-hot: all that read the width see it.
    // A unit of a trained model is swapped before any of its readers.
    const all = variable.encoding === "subspace" || (variable.encoding === "reciprocal" && readers.length);
    for (const label of labelsOf(variable)) {
      replaced.set(label, {
        values: state.tokens.map((_, p) => (p < common ? second.get(label)[p] : null)),
        where: state.tokens.map((_, p) => p < common),
        readers: all ? null : readers.map(([, expression]) => expression).filter(Boolean),
      });
    }
  }
  return model.program.rerun(state.tokens, replaced).values;
}

/** What travels along an edge, decoded: for each variable it carries, the values written and those that arrive. */
export function travelling(model, state, found, edge) {
  const width = widthFor(model, found.circuit.lengths, state.tokens, state.second);
  const [whole, other] = [state.tokens, state.second].map((tokens) => run(model.network, encode(model, tokens, width)));
  const instead = replacement(model, state.ablation, found.circuit.lengths, other)(edge.source);
  const own = whole.outputs.get(edge.source);
  const named = model.truth.variables.filter((variable) => isCarried(variable, edge));
  return named.map((variable) => {
    const stage = variable.encoding === "subspace" ? stageOf(variable, edge.source) : null;
    const read = (vector) => readAt(model, variable, stage, vector);
    return {
      variable,
      written: Array.from({ length: found.n }, (_, p) => read(own[p + 1])),
      arrives: Array.from({ length: found.n }, (_, p) => read(instead ? instead[p + 1] : new Float64Array(model.network.width))),
    };
  });
}

function isCarried(variable, { source, carries, travels }) {
  if (variable.encoding === "subspace") return carries === "variable" && stageOf(variable, source) !== undefined;
  if (!travels.includes(variable.name)) return false;
  return variable.writer.replace(/\.z$/, "") === source || source.startsWith("a") || source.startsWith("m");
}

export function equalValues(left, right) {
  return left.every((value, i) => keyOf(value) === keyOf(right[i]));
}

/** Whether the model gives what the causal model does: true, false, or undefined where no model could hold it. */
export function agreementOf(model, state, found) {
  const said = found.causal.get(model.program.output);
  if (said.includes(UNDEFINED)) return undefined;
  // A random network computes nothing, so that only what was changed can be expected of it.
  const judged = said.map((_, p) => !state.network || !state.at || state.at[0] === p);
  return said.every((value, p) => !judged[p] || !model.decoder.differ(model.decoder.codeOf(found.changedOutput[p]), model.decoder.codeOf(value)));
}
