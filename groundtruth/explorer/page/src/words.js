// Sentences about edges, statuses and proofs.

import { spell } from "./decoder.js";

export const ABLATIONS = {
  resample: "the value on the second input",
  zero: "nothing (zero)",
  mean: "the mean over inputs and positions",
  "mean-positional": "the mean at each position",
};

export function proofText(fact, circuit) {
  const pairs = fact.tried ? ` ${fact.tried.toLocaleString("en")} pairs were run.` : "";
  const same = circuit.ablation === "resample" ? "is the same on every input" : "is what the ablation puts there";
  return {
    witness: "Live: cutting this edge alone changes an output. A witness is shown below.",
    constant: `Inert: what is read ${same}.`,
    unread: "Inert: only decoys read it, and nothing that leads to the output reads them.",
    absorbed: `Inert: what is read differs, but what reads it gives the same.${pairs}`,
    exhaustive: `Inert: what is read differs, but no output does.${pairs}`,
    sampled: `Undecided: no witness on a sample of the domain.${pairs}`,
    none: `Undecided: the search was given up.${pairs}`,
  }[fact.proof];
}

export function circuitTitle(circuit) {
  const lengths = circuit.lengths === "fixed" ? "inputs of the greatest length" : "inputs of all lengths";
  return `${circuit.ablation}, ${lengths} (${circuit.live.length} live)`;
}

export function reasonText(edge) {
  if (edge.carries === "nothing") return "nothing that is read";
  return `${edge.travels.join(", ")} for ${edge.usedFor.join(", ")}`;
}

export function sequence(values) {
  return values.map(spell).join(" ");
}

export function statusWord(fact) {
  if (fact.redundant) return "inert alone, needed together";
  return fact.status;
}
