// Variables of trained models: subspaces of what components write, or of the residual stream behind them.

import { Matrix, addTo, dot } from "./matrix.js";

const MOST_INPUTS = 100;
// Subspaces are written down to 16 binary places, so that what was swapped is off by some 1e-5 of its length.
const FAR = 1e-3;
const SAME = 1e-4;

/** A variable whose stages have their subspaces unpacked; one of a compiled model as it is. */
export function readVariableData(variable) {
  if (variable.encoding !== "subspace") return variable;
  const spans = variable.stages.map(({ span }) => {
    if (!span?.read) return null;
    const read = Matrix.unpack(span.read);
    return { read, write: span.write ? Matrix.unpack(span.write) : read.transposed() };
  });
  // A number stands for the subspace of an earlier stage.
  const stages = variable.stages.map((stage, i) => ({ ...stage, ...spans[typeof stage.span === "number" ? stage.span : i] }));
  return { ...variable, stages };
}

export const labelsOf = (variable) => variable.labels ?? [variable.label];

/** What holds a variable at a stage [position][width]: the stream that is read there, or what its components wrote. */
function holder(variable, stage, stream, outputs) {
  if (stage.residual) return stream;
  const [first, ...others] = variable.components.map((name) => outputs.get(name));
  return first.map((vector, p) => others.reduce((sum, output) => addTo(sum, output[p]), vector.slice()));
}

/** Give a stream the second input's part of a variable, at every position, that before the first token among them. */
export function exchangeSubspace(variable, stage, { stream, outputs, other }) {
  const own = holder(variable, stage, stream, outputs);
  const given = holder(variable, stage, other.streams.get(stage.sublayers[0]), other.outputs);
  const parts = own.map((vector, p) => stage.write.times(stage.read.times(addTo(given[p].slice(), vector, -1))));
  parts.forEach((part, p) => addTo(stream[p], part));
}

/** The stage at whose sites a residual stream holds a variable, if a subspace is known there. */
export function stageAt(variable, sublayer) {
  return variable.stages.find((stage) => stage.residual && stage.read && stage.sublayers.includes(sublayer));
}

/** The stage at which the output of a node holds a variable, if a subspace is known there. */
export function stageOf(variable, node) {
  return variable.stages.find((stage) => !stage.residual && stage.read && stage.sites.includes(node));
}

/**
 * What a vector holds of a variable at a stage: the value with which the domain's nearest vector is held.
 *
 * A network need not tell all values apart: where no reader asks how often a token occurs, once and twice may lie among
 * each other, so that the nearest mean would name the wrong one.
 *
 * @param runs Function that gives the runs of inputs with the program's values on them.
 * @returns `{value, exact, alike}`; inexact if it is farther from the value's mean than this value ever is on the
 *   domain; `alike` has the values that are held by vectors as near, itself among them.
 */
export function readSubspace(variable, stage, vector, runs) {
  stage.values ??= valuesHeld(variable, stage, runs());
  const held = stage.read.times(vector);
  const ranked = stage.values.map((item) => ({ ...item, near: Math.min(...item.all.map((own) => far(held, own))) }));
  const best = ranked.reduce((a, b) => (b.near < a.near ? b : a));
  return {
    value: best.value,
    exact: far(held, best.mean) <= best.radius + FAR * (1 + best.radius),
    alike: ranked.filter(({ near }) => near <= best.near + SAME * best.scale).map(({ value }) => value),
  };
}

/** Each value with the vectors that hold it, their mean, how far they lie from it, and how long they are. */
function valuesHeld(variable, stage, runs) {
  const groups = new Map();
  for (const { result, values, key, n } of runs) {
    const vectors = holder(variable, stage, result.streams.get(stage.sublayers[0]), result.outputs);
    for (let p = 0; p < n; p++) {
      const [own, held] = [values(variable, p), stage.read.times(vectors[p + 1])];
      if (!groups.has(key(own))) groups.set(key(own), { value: own, all: [] });
      groups.get(key(own)).all.push(held);
    }
  }
  return [...groups.values()].map(({ value, all }) => {
    const mean = all.reduce((sum, held) => addTo(sum, held, 1 / all.length), new Float64Array(all[0].length));
    const largest = (distances) => Math.max(...distances);
    return { value, all, mean, radius: largest(all.map((held) => far(held, mean))), scale: largest(all.map((held) => Math.sqrt(dot(held, held)))) };
  });
}

const far = (left, right) => {
  const difference = left.map((x, i) => x - right[i]);
  return Math.sqrt(dot(difference, difference));
};

/** At most a hundred inputs, evenly from the first to the last. */
export function someOf(inputs) {
  const step = Math.max(1, inputs.length / MOST_INPUTS);
  return Array.from({ length: Math.min(inputs.length, MOST_INPUTS) }, (_, i) => inputs[Math.floor(i * step)]);
}
