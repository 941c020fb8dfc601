// A model with its program and its truth, from the JSON of `page_data.py`.

import { readFeatures } from "./features.js";
import { makeDecoder, keyOf } from "./decoder.js";
import { Domain } from "./domain.js";
import { parseEdge, readNetwork, run } from "./network.js";
import { Program } from "./program.js";
import { readVariableData } from "./subspaces.js";
import { addTo } from "./matrix.js";

const STATUS = { w: "live", c: "inert", u: "inert", a: "inert", e: "inert", s: "undecided", n: "undecided" };
const PROOF = {
  w: "witness",
  c: "constant",
  u: "unread",
  a: "absorbed",
  e: "exhaustive",
  s: "sampled",
  n: "none",
};

export function readModel(data) {
  const network = readNetwork(data.network);
  const decoder = makeDecoder(data.output);
  const truth = readTruth(data.truth, network.graph.edges);
  return {
    data,
    // A network that chose its circuit itself: no part of it was made for anything.
    unplanned: data.trained && !data.heads.length && !data.neurons.length,
    name: data.name,
    network,
    // Beside the model a story may run a network of its shape whose weights were drawn at random.
    networks: data.random ? [network, readNetwork(data.random)] : [network],
    features: (data.features ?? []).map(readFeatures),
    decoder,
    truth,
    domain: new Domain(data.domain),
    program: data.program ? new Program(data.program, network.causal) : null,
    ids: new Map(data.tokens.map((token, id) => [keyOf(token), id])),
  };
}

function readTruth(data, graphEdges) {
  const edges = data.structural.map((place, index) => {
    const [carries, travels, usedFor] = data.reasons[data.reason[index]];
    return { name: graphEdges[place], ...parseEdge(graphEdges[place]), carries, travels, usedFor };
  });
  const circuits = data.circuits.map((circuit) => ({ ...circuit, ...readCircuit(circuit, edges) }));
  return { edges, circuits, variables: data.variables.map(readVariableData), defaultLengths: data.default_lengths };
}

function readCircuit(circuit, edges) {
  const name = (place) => edges[place].name;
  const redundant = new Set(circuit.redundant.map(name));
  const witnesses = new Map(
    circuit.witnesses.map(([place, clean, counterfactual, output, cutOutput]) => [
      name(place),
      { clean, counterfactual, output, cutOutput },
    ]),
  );
  const facts = new Map(
    edges.map((edge, index) => [
      edge.name,
      {
        status: STATUS[circuit.proof[index]],
        proof: PROOF[circuit.proof[index]],
        tried: circuit.tried[index],
        redundant: redundant.has(edge.name),
        witness: witnesses.get(edge.name) ?? null,
      },
    ]),
  );
  const live = edges.filter((edge) => facts.get(edge.name).status === "live").map((edge) => edge.name);
  // At least one member: where none was listed it is the live edges.
  const members = circuit.minimal.length ? circuit.minimal.map((places) => places.map(name)) : [live];
  const needed = new Set(members.flat());
  // Live edges that no minimal circuit holds: what else a circuit cuts makes up for them.
  for (const edge of live) facts.get(edge).dispensable = !needed.has(edge);
  return { facts, live, members, needed };
}

/** Token ids of an input, BOS first, padded on the right to a number of tokens. */
export function encode(model, tokens, length = 0) {
  const ids = [model.data.bos, ...tokens.map((token) => model.ids.get(keyOf(token)))];
  while (ids.length < length + 1) ids.push(model.data.pad);
  return ids;
}

/** What the model says at each token of an input, as codes of its decoder. */
export function codesOf(model, result, n) {
  return result.logits.slice(1, n + 1).map(model.decoder.code);
}

export function valuesOf(model, codes) {
  return codes.map(model.decoder.value);
}

/** To how many tokens runs about a circuit are padded: inputs of different lengths are padded to one, mixed ones to the longest. */
export function widthFor(model, lengths, ...inputs) {
  return lengths === "mixed" ? model.domain.max : Math.max(...inputs.map((tokens) => tokens.length));
}

/** Mean outputs of each source over the domain's inputs: over all positions, and position by position. */
export function means(model, lengths) {
  model.means ??= new Map();
  if (!model.means.has(lengths)) {
    const inputs = lengths === "mixed" ? model.domain.inputs() : model.domain.longest();
    const width = Math.max(...inputs.map((tokens) => tokens.length));
    const totals = new Map();
    for (const tokens of inputs) {
      for (const [source, output] of run(model.network, encode(model, tokens, width)).outputs) {
        if (!totals.has(source)) totals.set(source, output.map((vector) => new Float64Array(vector.length)));
        output.forEach((vector, p) => addTo(totals.get(source)[p], vector, 1 / inputs.length));
      }
    }
    const overall = new Map();
    for (const [source, byPosition] of totals) {
      const mean = new Float64Array(model.network.width);
      for (const vector of byPosition) addTo(mean, vector, 1 / byPosition.length);
      overall.set(source, byPosition.map(() => mean));
    }
    model.means.set(lengths, { mean: overall, "mean-positional": totals });
  }
  return model.means.get(lengths);
}

/**
 * What a cut edge carries under an ablation, as `run` wants it.
 *
 * @param lengths Over which inputs means are taken.
 * @param other The full run on the second input, for resample.
 */
export function replacement(model, ablation, lengths, other) {
  if (ablation === "zero") return () => null;
  if (ablation === "resample") return (source) => other.outputs.get(source);
  const typical = means(model, lengths)[ablation];
  return (source) => typical.get(source);
}

/** Edges by destination, as `run` wants them. */
export function byDestination(edges) {
  const found = new Map();
  for (const edge of edges) {
    const { source, destination } = parseEdge(edge);
    if (!found.has(destination)) found.set(destination, []);
    found.get(destination).push(source);
  }
  return found;
}

/** Run an input with some edges cut. */
export function runCut(model, tokens, edges, { ablation, lengths, second }) {
  const width = widthFor(model, lengths, tokens, ...(ablation === "resample" ? [second] : []));
  const other = ablation === "resample" ? run(model.network, encode(model, second, width)) : null;
  const put = replacement(model, ablation, lengths, other);
  return run(model.network, encode(model, tokens, width), { cut: byDestination(edges), put });
}
