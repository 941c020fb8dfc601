// A ranking of edges against the truth, and CPR and CMD of the circuits that it chooses: mib/metrics in the page.

import { byDestination } from "./model.js";
import { nodeOf, parseEdge, run } from "./network.js";
import { NONE } from "./decoder.js";

/** Edges best first; of equal scores the one that comes first in the graph. */
export function orderOf(scores, ranking) {
  const strength = scores.map((score) => (ranking === "signed" ? score : Math.abs(score)));
  return strength.map((_, i) => i).sort((a, b) => strength[b] - strength[a] || a - b);
}

/**
 * AUROC and average precision of absolute scores against the minimal circuit that they match best.
 *
 * Not judged are edges that only other minimal circuits hold, and those about which nothing was shown.
 *
 * @returns `{auroc, averagePrecision, exact, member}`, the last the index of that minimal circuit.
 */
export function againstTruth(graph, scores, circuit) {
  const found = circuit.members.map((edges, member) => ({ member, ...againstMember(graph, scores, circuit, new Set(edges)) }));
  const better = (a, b) => b.exact - a.exact || (b.auroc ?? 0) - (a.auroc ?? 0) || (b.averagePrecision ?? 0) - (a.averagePrecision ?? 0);
  return found.sort(better)[0];
}

function againstMember(graph, scores, circuit, member) {
  const judged = [];
  graph.edges.forEach((edge, i) => {
    const fact = circuit.facts.get(edge);
    const doubtful = fact?.status === "undecided" || (fact?.dispensable && !circuit.complete);
    if (!member.has(edge) && (doubtful || circuit.needed.has(edge))) return;
    judged.push({ strength: Math.abs(scores[i]), positive: member.has(edge) });
  });
  const weakest = Math.min(...judged.filter((item) => item.positive).map((item) => item.strength));
  const loudest = Math.max(0, ...judged.filter((item) => !item.positive).map((item) => item.strength));
  return { exact: weakest > loudest, ...areasOf(judged) };
}

function areasOf(judged) {
  judged.sort((a, b) => b.strength - a.strength);
  const positives = judged.filter((item) => item.positive).length;
  const negatives = judged.length - positives;
  if (!positives || !negatives) return { auroc: null, averagePrecision: null };
  let [above, found, seen, area, precision] = [0, 0, 0, 0, 0];
  for (let i = 0; i < judged.length; ) {
    let [j, tiedPositive] = [i, 0];
    while (j < judged.length && judged[j].strength === judged[i].strength) tiedPositive += judged[j++].positive;
    const tiedNegative = j - i - tiedPositive;
    area += tiedNegative * (found + tiedPositive / 2);
    found += tiedPositive;
    above += tiedNegative;
    seen = found + above;
    precision += (tiedPositive / positives) * (found / seen);
    i = j;
  }
  return { auroc: area / (positives * negatives), averagePrecision: precision };
}

/** The edges of a circuit that are on a path from an embedding to the logits. */
export function pruned(edges) {
  let kept = edges.map(parseEdge).map((edge, i) => ({ ...edge, name: edges[i] }));
  for (;;) {
    const hasInput = new Set(kept.map((edge) => edge.node));
    const hasOutput = new Set(kept.map((edge) => edge.source));
    const alive = (node) => hasOutput.has(node) && (node === "input" || node === "pos" || hasInput.has(node));
    const left = kept.filter((edge) => alive(edge.source) && (edge.destination === "logits" || alive(nodeOf(edge.destination))));
    if (left.length === kept.length) return left.map((edge) => edge.name);
    kept = left;
  }
}

/** Sizes of circuits to measure: all, or so many that grow quadratically. */
export function sizesOf(total, limit = 129) {
  if (total < limit) return Array.from({ length: total + 1 }, (_, i) => i);
  const sizes = Array.from({ length: limit }, (_, i) => Math.round(total * (i / (limit - 1)) ** 2));
  return [...new Set(sizes)];
}

/** What a task measures: pairs with the answers to them, and the metric of a circuit on them. */
export class Measure {
  constructor(model, pairs) {
    this.model = model;
    this.structural = model.truth.edges.map((edge) => edge.name);
    this.known = new Map();
    this.examples = pairs.map(([clean, counterfactual]) => {
      const [whole, other] = [run(model.network, clean), run(model.network, counterfactual)];
      const [right, wrong] = [whole, other].map((result) => result.logits.map(model.decoder.code));
      const real = clean.map((id) => id !== model.data.bos && id !== model.data.pad);
      const differ = right.map((code, p) => real[p] && model.decoder.differ(code, wrong[p]));
      const any = differ.some(Boolean);
      const mask = model.decoder.categorical ? differ : real.map((counts) => counts && any);
      return { clean, other, whole, right, wrong, mask };
    });
    this.full = this.mean((example) => this.metric(example, example.whole));
    this.empty = this.mean((example) => this.metric(example, example.other));
  }

  mean(value) {
    return this.examples.reduce((sum, example) => sum + value(example), 0) / this.examples.length;
  }

  metric({ right, wrong, mask }, result) {
    const logit = (row, code) => (code === NONE ? 0 : row[code]);
    let [sum, count] = [0, 0];
    mask.forEach((counts, p) => {
      if (!counts) return;
      const row = result.logits[p];
      sum += this.model.decoder.categorical ? logit(row, right[p]) - logit(row, wrong[p]) : -((row[0] - right[p]) ** 2);
      count++;
    });
    return sum / count;
  }

  /** Faithfulness of the circuit that keeps some edges, after pruning. */
  faithfulness(edges) {
    const kept = new Set(pruned(edges));
    // Edges that are read by nothing change nothing: only structural ones need be cut.
    const cut = this.structural.filter((edge) => !kept.has(edge));
    const key = cut.join();
    if (!this.known.has(key)) {
      const change = { cut: byDestination(cut) };
      const value = this.mean((example) =>
        this.metric(example, run(this.model.network, example.clean, { ...change, put: (source) => example.other.outputs.get(source) })),
      );
      this.known.set(key, (value - this.empty) / (this.full - this.empty));
    }
    return this.known.get(key);
  }
}

/** Trapezoidal area under points [x, y], divided by the range of x. */
export function area(points) {
  let sum = 0;
  for (let i = 1; i < points.length; i++) {
    sum += ((points[i][0] - points[i - 1][0]) * (points[i][1] + points[i - 1][1])) / 2;
  }
  return sum / (points.at(-1)[0] - points[0][0]);
}

/** The points of a ranking's curve, a few at a time: [share of edges, faithfulness]. */
export function* curvePoints(model, measure, scores, ranking) {
  const { edges } = model.network.graph;
  const order = orderOf(scores, ranking);
  for (const size of sizesOf(edges.length)) {
    yield [size / edges.length, measure.faithfulness(order.slice(0, size).map((i) => edges[i]))];
  }
}

export function cpr(points) {
  return area(points);
}

export function cmd(points) {
  return area(points.map(([x, y]) => [x, Math.abs(1 - y)]));
}
