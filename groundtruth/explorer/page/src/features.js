// Featurizers in the page: what a subspace, an autoencoder, a reversible network or a table of answers swaps.

import { Matrix, addTo, dot } from "./matrix.js";
import { ACTIVATIONS } from "./functions.js";

/**
 * A featurizer from the JSON of `featurizer_data.py`.
 *
 * @returns Its facts, and `interchange(base, source)`: the base's vector with the source's features.
 */
export function readFeatures(data) {
  return { ...data, interchange: KINDS[data.kind](data) };
}

const KINDS = { subspace, autoencoder, couplings, answers };

function subspace(data) {
  const basis = Matrix.unpack(data.basis);
  const back = basis.transposed();
  return (base, source) => addTo(base.slice(), back.times(basis.times(difference(source, base))));
}

/** The k largest features of a vector, as mib/featurization/autoencoder.py has them; what they miss stays the base's. */
function autoencoder(data) {
  const [encoder, decoder] = [Matrix.unpack(data.encoder), Matrix.unpack(data.decoder)];
  const features = (x) => {
    const centred = Float64Array.from(x, (value, i) => (value - data.centre[i]) / data.scale);
    const active = addTo(encoder.times(centred), data.bias).map((value) => Math.max(0, value));
    const kept = new Set([...active.keys()].sort((a, b) => active[b] - active[a] || a - b).slice(0, data.k));
    return active.map((value, i) => (kept.has(i) ? value : 0));
  };
  return (base, source) => {
    const [own, others] = [features(base), features(source)];
    const found = base.slice();
    for (const i of data.selected) addTo(found, decoder.row(i), (others[i] - own[i]) * data.scale);
    return found;
  };
}

/** Additive couplings behind rotations, as mib/featurization/bijection.py has them; some coordinates are swapped. */
function couplings(data) {
  const layer = ([read, readBias, written, writtenBias]) => {
    const [first, last] = [Matrix.unpack(read), Matrix.unpack(written)];
    return (x) => addTo(last.times(addTo(first.times(x), readBias).map(ACTIVATIONS.gelu)), writtenBias);
  };
  const blocks = data.blocks.map(({ turn, first, second }) => {
    const matrix = Matrix.unpack(turn);
    return { turn: matrix, back: matrix.transposed(), g: layer(first), h: layer(second) };
  });
  const halves = (x) => [x.slice(0, data.cut), x.slice(data.cut)];
  const there = (x) =>
    blocks.reduce((vector, { turn, g, h }) => {
      const [a, b] = halves(turn.times(vector));
      addTo(b, g(a));
      return joined(addTo(a, h(b)), b);
    }, x);
  const back = (y) =>
    blocks.reduceRight((vector, { back: turned, g, h }) => {
      const [a, b] = halves(vector);
      addTo(a, h(b), -1);
      return turned.times(joined(a, addTo(b, g(a), -1)));
    }, y);
  return (base, source) => {
    const [own, others] = [there(base), there(source)];
    for (const i of data.selected) own[i] = others[i];
    return back(own);
  };
}

/** The way back knows what is predicted: the states are looked up, and the answer's vector is written. */
function answers(data) {
  const [states, vectors] = [Matrix.unpack(data.states), Matrix.unpack(data.vectors)];
  const nearest = (vector) => {
    const far = Array.from({ length: states.rows }, (_, i) => squared(difference(states.row(i), vector)));
    return far.indexOf(Math.min(...far));
  };
  return (base, source) => {
    if (base.every((value, i) => value === source[i])) return source.slice();
    const answer = data.answers[nearest(base) * states.rows + nearest(source)];
    return answer < 0 ? source.slice() : vectors.row(answer);
  };
}

const difference = (left, right) => left.map((value, i) => value - right[i]);

const squared = (vector) => dot(vector, vector);

function joined(left, right) {
  const found = new Float64Array(left.length + right.length);
  found.set(left);
  found.set(right, left.length);
  return found;
}
