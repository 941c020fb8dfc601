// Activations, norms and rotary positions: what trained models have and compiled ones have not.

import { dot } from "./matrix.js";

const SQRT_PI = Math.sqrt(Math.PI);

/** The error function to float64 precision, by a series of positive terms; beyond 6 it is 1 to the last bit. */
export function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  // erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum over n of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)); Abramowitz, Stegun 7.1.6
  let term = size;
  let sum = term;
  for (let n = 1; term > sum * 1e-18; n++) {
    term *= (2 * size * size) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * ((2 / SQRT_PI) * Math.exp(-size * size) * sum);
}

export const ACTIVATIONS = {
  none: (x) => x,
  relu: (x) => (x > 0 ? x : 0),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x) => x / (1 + Math.exp(-x)),
};

/** A vector normalized as a step wants it; without a norm the vector itself. */
export function normalized(norm, vector) {
  if (!norm) return vector;
  if (norm.gram) return lengthened(norm, vector);
  const n = vector.length;
  let mean = 0;
  if (norm.kind === "layernorm") {
    for (const x of vector) mean += x;
    mean /= n;
  }
  let variance = 0;
  for (const x of vector) variance += (x - mean) * (x - mean);
  const scale = 1 / Math.sqrt(variance / n + norm.eps);
  return Float64Array.from(
    vector,
    (x, i) => (x - mean) * scale * (norm.weight ? norm.weight[i] : 1) + (norm.bias ? norm.bias[i] : 0),
  );
}

/** A stream in other coordinates, divided by its length: the products of their directions are an upper triangle. */
function lengthened({ gram, size, eps }, vector) {
  const scale = 1 / Math.sqrt((2 * dot(gram.times(vector), vector)) / size + eps);
  return vector.map((x) => x * scale);
}

/** A query or key turned by its position: dimension i is paired with i + dims / 2, as in GPT-NeoX. */
export function rotated(rotary, vector, position) {
  if (!rotary) return vector;
  const found = Float64Array.from(vector);
  const half = rotary.dims / 2;
  for (let i = 0; i < half; i++) {
    const angle = position / rotary.base ** ((2 * i) / rotary.dims);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    found[i] = vector[i] * cos - vector[i + half] * sin;
    found[i + half] = vector[i + half] * cos + vector[i] * sin;
  }
  return found;
}

/** Softmax of the first `n` numbers. */
export function softmax(scores, n = scores.length) {
  let top = -Infinity;
  for (let i = 0; i < n; i++) top = Math.max(top, scores[i]);
  const found = new Float64Array(scores.length);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += found[i] = Math.exp(scores[i] - top);
  for (let i = 0; i < n; i++) found[i] /= sum;
  return found;
}
