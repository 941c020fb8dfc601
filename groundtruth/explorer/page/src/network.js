// The forward pass in float64: what groundtruth/compiled/forward.py computes, with edges cut and streams moved.

import { Matrix, addTo, dot } from "./matrix.js";
import { ACTIVATIONS, normalized, rotated, softmax } from "./functions.js";

export const LETTERS = ["q", "k", "v"];

/** A network from the JSON of `network_data.py`. */
export function readNetwork(data) {
  const frame = data.frame ? Matrix.unpack(data.frame) : null;
  const back = frame && frame.transposed();
  const writes = (packed) => (frame ? Matrix.unpack(packed).multiply(frame) : Matrix.unpack(packed));
  const reads = (packed) => (frame ? back.multiply(Matrix.unpack(packed)) : Matrix.unpack(packed));
  const reader = (affine) => ({ weight: reads(affine.weight), bias: affine.bias });
  const gram = data.gram ? Matrix.unpack(data.gram) : null;
  const normOf = (norm) => norm && { ...norm, gram, size: data.d_model };
  const steps = data.steps.map((step) =>
    step.kind === "mlp"
      ? { ...step, norm: normOf(step.norm), read: reader(step.read), gate: step.gate ? reader(step.gate) : null, written: { weight: writes(step.written.weight), bias: step.written.bias } }
      : {
          ...step,
          norm: normOf(step.norm),
          heads: step.heads.map((head) => ({
            head: head.head,
            name: `a${step.layer}.h${head.head}`,
            q: reader(head.q),
            k: reader(head.k),
            v: reader(head.v),
            o: writes(head.o),
          })),
        },
  );
  const token = writes(data.token);
  return {
    nLayers: data.n_layers,
    nHeads: data.n_heads,
    causal: data.causal,
    width: token.columns,
    token,
    position: data.position ? writes(data.position) : null,
    steps,
    unembed: { norm: normOf(data.unembed.norm), ...reader(data.unembed) },
    frame,
    graph: graphOf(data.n_layers, data.n_heads, data.position !== null),
  };
}

/** Names of all sources and destinations in the order of `mib.graph.Graph`, and the edges between them. */
function graphOf(nLayers, nHeads, pos) {
  const sources = pos ? ["input", "pos"] : ["input"];
  const destinations = [];
  const edges = [];
  const readable = [];
  for (let layer = 0; layer < nLayers; layer++) {
    for (const letter of LETTERS) {
      for (let head = 0; head < nHeads; head++) {
        destinations.push(`a${layer}.h${head}<${letter}>`);
        readable.push(sources.length);
      }
    }
    for (let head = 0; head < nHeads; head++) sources.push(`a${layer}.h${head}`);
    destinations.push(`m${layer}`);
    readable.push(sources.length);
    sources.push(`m${layer}`);
  }
  destinations.push("logits");
  readable.push(sources.length);
  sources.forEach((source, s) => {
    destinations.forEach((destination, d) => {
      if (s < readable[d]) edges.push(`${source}->${destination}`);
    });
  });
  return { sources, destinations, edges };
}

export function nodeOf(destination) {
  return destination.split("<")[0];
}

export function parseEdge(edge) {
  const [source, destination] = edge.split("->");
  return { source, destination, node: nodeOf(destination), letter: /<(.)>/.exec(destination)?.[1] ?? "" };
}

/** Number of the sublayer that a node is part of, as in mib/sublayers.py: embeddings -1, attention 2l, MLP 2l + 1. */
export function sublayerOf(network, node) {
  if (node === "input" || node === "pos") return -1;
  if (node === "logits") return 2 * network.nLayers;
  const layer = Number(/^[am](\d+)/.exec(node)[1]);
  return node[0] === "m" ? 2 * layer + 1 : 2 * layer;
}

const zeros = (n, width) => Array.from({ length: n }, () => new Float64Array(width));

/**
 * Run a network.
 *
 * @param network A network.
 * @param ids Token ids, BOS first.
 * @param change What is different from a plain run, all optional:
 *   `cut`: Map from a destination to the sources that do not reach it;
 *   `put`: function of (source, destination) that gives what arrives instead, [position][width]; null for zeros;
 *   `move`: Map from a sublayer to a function that changes the residual stream [position][width] that it
 *   reads, given what sources have written so far.
 * @returns `outputs`: what each source writes [position][width]; `streams`: the residual stream that each sublayer
 *   reads; `attention`: the pattern of each head [query][key]; `logits` [position][output].
 */
export function run(network, ids, change = {}) {
  const { cut = new Map(), put = () => null, move = new Map() } = change;
  const n = ids.length;
  const outputs = new Map();
  outputs.set("input", ids.map((id) => network.token.row(id)));
  const stream = outputs.get("input").map((vector) => vector.slice());
  if (network.position) {
    outputs.set("pos", ids.map((_, place) => network.position.row(place)));
    outputs.get("pos").forEach((vector, p) => addTo(stream[p], vector));
  }
  const streams = new Map();
  const attention = new Map();

  const enter = (sublayer) => {
    move.get(sublayer)?.(stream, outputs);
    streams.set(sublayer, stream.map((vector) => vector.slice()));
  };
  // What a destination reads: the stream, with what cut edges carry in the place of what their sources wrote.
  const readBy = (destination, norm) => {
    const sources = cut.get(destination) ?? [];
    return stream.map((vector, p) => {
      if (!sources.length) return normalized(norm, vector);
      const changed = vector.slice();
      for (const source of sources) {
        addTo(changed, outputs.get(source)[p], -1);
        const instead = put(source, destination);
        if (instead) addTo(changed, instead[p]);
      }
      return normalized(norm, changed);
    });
  };
  const write = (name, output) => {
    outputs.set(name, output);
    output.forEach((vector, p) => addTo(stream[p], vector));
  };

  for (const step of network.steps) {
    enter(step.kind === "mlp" ? 2 * step.layer + 1 : 2 * step.layer);
    if (step.kind === "mlp") {
      write(`m${step.layer}`, readBy(`m${step.layer}`, step.norm).map((vector) => neurons(step, vector)));
      continue;
    }
    // Every head reads the stream as it is before any of them has written.
    const found = step.heads.map((head) => {
      const [queries, keys, values] = LETTERS.map((letter) =>
        readBy(`${head.name}<${letter}>`, step.norm).map((vector) => affine(head[letter], vector)),
      );
      const pattern = attend(network, step, queries, keys);
      attention.set(head.name, pattern);
      return mixed(pattern, values).map((vector) => head.o.times(vector));
    });
    for (let head = 0; head < network.nHeads; head++) outputs.set(`a${step.layer}.h${head}`, zeros(n, network.width));
    step.heads.forEach((head, i) => write(head.name, found[i]));
    if (step.bias) stream.forEach((vector) => addTo(vector, step.bias));
  }
  enter(2 * network.nLayers);
  const logits = readBy("logits", network.unembed.norm).map((vector) => affine(network.unembed, vector));
  return { ids, outputs, streams, attention, logits };
}

function affine({ weight, bias }, vector) {
  const found = weight.times(vector);
  return bias ? addTo(found, bias) : found;
}

function neurons(step, vector) {
  const activation = ACTIVATIONS[step.activation];
  const hidden = affine(step.read, vector);
  if (!step.gate) return affine(step.written, hidden.map((x) => activation(x)));
  return affine(step.written, affine(step.gate, vector).map((x, i) => activation(x) * hidden[i]));
}

function attend(network, step, queries, keys) {
  const turned = keys.map((key, p) => rotated(step.rotary, key, p));
  return queries.map((query, p) => {
    const own = rotated(step.rotary, query, p);
    const scores = turned.map((key) => dot(own, key) / step.scale);
    return softmax(scores, network.causal ? p + 1 : scores.length);
  });
}

function mixed(pattern, values) {
  return pattern.map((weights) => {
    const found = new Float64Array(values[0].length);
    weights.forEach((weight, p) => weight && addTo(found, values[p], weight));
    return found;
  });
}
