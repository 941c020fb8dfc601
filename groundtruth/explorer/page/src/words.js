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
  // Everything is read in a trained network; what no program asks for comes to nothing later.
  if (edge.carries === "other") return "no value of the program";
  return `${edge.travels.join(", ")} for ${edge.usedFor.join(", ")}`;
}

/** Why nothing is known to hold a variable, as the beginning of a sentence. */
export function notHeldText(model) {
  if (model.unplanned) return "This network chose its circuit itself, and where it holds which value is not known";
  if (model.truth.variables.length) return model.data.trained ? "No subspace of this network is known to hold it by itself" : "No direction of this model holds it";
  if (model.data.trained) return "No expression of this model could be swapped rightly on every pair of inputs";
  return "The directions of this model lie in superposition";
}

export function sequence(values) {
  return values.map(spell).join(" ");
}

/** What a head or neuron of each role does, given the name of its expression. */
export const ROLES = {
  aggregate: (name) => name,
  width: (name) => `1/(1+${name})`,
  compute: (name) => name,
  clean_bos: () => "",
  backup: (name) => `backup of ${name}`,
  voter: (name) => `a vote on ${name}`,
  majority: (name) => `most votes on ${name}`,
  cancelling: () => "half of a pair that cancels",
  ignored: () => "a decoy that is read",
  ignoring: () => "a look-up without effect",
  decoy: () => "decoy",
  idle: () => "",
  spare: () => "a value not needed",
};

/** Why a part of such a role is there, in a sentence. */
export const ROLE_REASONS = {
  backup: "It stands in for the part that it repeats: where that one is cut, it takes over.",
  voter: "Three parts compute this, and any two decide: no cut of a single one changes an output.",
  majority: "It writes what most of the voters say.",
  cancelling: "It and its counterpart write opposites: cut alone each one shows, cut together nothing is missed.",
  ignored: "It is loud and MLPs look it up, but find 0 for every value: no output depends on it.",
  ignoring: "Some of its neurons read a decoy and write 0 for every value of it.",
  spare: "It was trained to be loud on a value of its own, and no output depends on it.",
  decoy: "Nothing that leads to the output reads what it writes.",
};

export function statusWord(fact) {
  if (fact.redundant) return "inert alone, needed together";
  if (fact.dispensable) return "live alone, in no minimal circuit";
  return fact.status;
}
