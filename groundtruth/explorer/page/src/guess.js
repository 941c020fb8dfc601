// "Guess the circuit": what a set of edges gives, where it first fails, and how near it is to the truth.

import { codesOf, encode, runCut, valuesOf } from "./model.js";
import { run } from "./network.js";

const LIMIT = { runs: 4000, milliseconds: 1500 };

/** What the circuit that keeps some edges gives on an input; all other edges are cut. */
export function outputOf(model, circuit, edges, tokens, second, ablation = circuit.ablation) {
  const kept = new Set(edges);
  const cut = model.truth.edges.map((edge) => edge.name).filter((edge) => !kept.has(edge));
  const result = runCut(model, tokens, cut, { ablation, lengths: circuit.lengths, second });
  return codesOf(model, result, tokens.length);
}

/**
 * The first run on which a circuit does not give the model's output.
 *
 * The stored witnesses of the edges that it lacks come first, then pairs of the domain spread evenly over all.
 *
 * @returns `{tokens, second, expected, given}`, or `{runs}`: so many were tried, and none failed; `all` if these are all.
 */
export function firstFailure(model, circuit, edges, limit = LIMIT) {
  const start = performance.now();
  let runs = 0;
  const outputs = new Map();
  for (const [tokens, second] of candidates(model, circuit, edges)) {
    if (runs >= limit.runs || performance.now() - start > limit.milliseconds) return { runs, all: false };
    runs++;
    const key = tokens.map((token) => model.ids.get(token) ?? JSON.stringify(token)).join();
    if (!outputs.has(key)) {
      outputs.set(key, codesOf(model, run(model.network, encode(model, tokens)), tokens.length));
    }
    const expected = outputs.get(key);
    const given = outputOf(model, circuit, edges, tokens, second);
    if (given.some((code, p) => model.decoder.differ(code, expected[p]))) {
      return { tokens, second, expected: valuesOf(model, expected), given: valuesOf(model, given), runs };
    }
  }
  return { runs, all: circuit.exhaustive };
}

function* candidates(model, circuit, edges) {
  const kept = new Set(edges);
  const known = [...circuit.facts].filter(([, fact]) => fact.witness);
  for (const lacking of [true, false]) {
    for (const [edge, { witness }] of known) {
      if (kept.has(edge) !== lacking) yield [witness.clean, witness.counterfactual];
    }
  }
  const inputs = circuit.lengths === "mixed" ? model.domain.inputs() : model.domain.longest();
  if (circuit.ablation !== "resample") {
    for (const tokens of inputs) yield [tokens, null];
    return;
  }
  // A step that shares no factor with the number of pairs visits each once, spread over all of them.
  const total = inputs.length ** 2;
  let step = Math.max(1, Math.floor(total * 0.381966));
  while (divisor(step, total) !== 1) step++;
  for (let i = 0, place = 0; i < total; i++, place = (place + step) % total) {
    yield [inputs[Math.floor(place / inputs.length)], inputs[place % inputs.length]];
  }
}

function divisor(a, b) {
  return b ? divisor(b, a % b) : a;
}

/** The member of the family that a guess is nearest to, with what is missing and what is too much. */
export function nearestMember(circuit, edges) {
  const guessed = new Set(edges);
  const compared = circuit.members.map((member) => {
    const own = new Set(member);
    return {
      member,
      missing: member.filter((edge) => !guessed.has(edge)),
      extra: edges.filter((edge) => !own.has(edge)),
    };
  });
  return compared.sort((a, b) => a.missing.length + a.extra.length - b.missing.length - b.extra.length)[0];
}

/** The edge to hint at: one that is missing where the rest of the circuit already reads from, nearest the output. */
export function hintedEdge(model, circuit, edges) {
  const { missing } = nearestMember(circuit, edges);
  const reached = new Set(["logits", ...edges.map((edge) => edge.split("->")[0])]);
  const found = model.truth.edges.filter((edge) => missing.includes(edge.name));
  return found.findLast((edge) => reached.has(edge.node)) ?? found.at(-1) ?? null;
}
