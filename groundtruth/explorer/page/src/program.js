// A RASP program run from its tables, and as a causal model: with some expressions' values taken from another input.
//
// An intervened program gives what RASP gives, or of a compiled model what its weights can hold;
// groundtruth/rasp/interning.py and compiled_program.py state the cases. What has no value is UNDEFINED, and so is all
// that reads it.

import { keyOf, same } from "./decoder.js";

export const UNDEFINED = { toString: () => "undefined" };

/** The reader of a program's output, beside the expressions that may read it. */
export const UNEMBEDDING = "logits";

export class Program {
  constructor(data, causal) {
    this.output = data.output;
    this.causal = causal;
    this.expressions = data.expressions;
    this.byLabel = new Map(data.expressions.map((e) => [e.label, e]));
    this.compiled = data.held !== null;
    this.atBos = new Set(data.held?.at_bos);
    this.bins = data.held?.bins ?? {};
    // What a function that fails gives: the tables have its values where it does not.
    this.failed = this.compiled ? null : UNDEFINED;
    this.source = data.source;
    this.sops = data.expressions.filter((e) => e.kind !== "select");
    this.tables = new Map();
    for (const e of data.expressions) {
      if (e.table) this.tables.set(e.label, new Map(e.table.map(([x, y]) => [keyOf(x), y])));
      if (e.grid) this.tables.set(e.label, gridTable(e.grid));
    }
  }

  /** Labels of the expressions that an expression reads, through its selector too. */
  operands(label) {
    const e = this.byLabel.get(label);
    const selector = e.selector && this.byLabel.get(e.selector);
    const found = [selector?.keys, selector?.queries, e.inner, e.fst, e.snd, e.sop].filter(Boolean);
    return [...new Set(found)];
  }

  /** The values of every expression at every position of an input, by label. */
  run(tokens) {
    return this.rerun(tokens, new Map()).values;
  }

  /**
   * The values where some expressions are replaced and all that is downstream is computed again.
   *
   * @param tokens The input.
   * @param replaced Map from a label to `{values, where, readers}`: what is put there, at which positions, and which
   *   labels see it (null: all).
   * @returns `values` by label: of a replaced expression its own unless all its readers see the replacement; of the
   *   output what the unembedding reads.
   */
  rerun(tokens, replaced) {
    const values = new Map();
    const seen = new Map();
    // What is upstream of all replacements is what the program gives; only downstream must the model be able to hold it.
    const plain = replaced.size ? this.run(tokens) : null;
    const downstream = new Set();
    const isSeen = (label, reader) => replaced.has(label) && (replaced.get(label).readers?.includes(reader) ?? true);
    for (const e of this.sops) {
      if (plain && !this.operands(e.label).some((label) => downstream.has(label) || isSeen(label, e.label))) {
        values.set(e.label, plain.get(e.label));
        this.note(e.label, replaced, { values, seen });
        continue;
      }
      downstream.add(e.label);
      const view = (operand) => (isSeen(operand, e.label) ? seen : values).get(operand);
      values.set(e.label, this.computed(e, view, tokens, replaced.size > 0));
      this.note(e.label, replaced, { values, seen });
    }
    for (const [label, item] of replaced) {
      const reachesOutput = label === this.output && item.readers?.includes(UNEMBEDDING);
      if (!item.readers || reachesOutput) values.set(label, seen.get(label));
    }
    return { values, seen };
  }

  /** Note what is seen of an expression that is replaced. */
  note(label, replaced, { values, seen }) {
    const item = replaced.get(label);
    if (item) seen.set(label, values.get(label).map((own, p) => (item.where[p] ? item.values[p] : own)));
  }

  computed(e, view, tokens, intervened) {
    switch (e.kind) {
      case "tokens":
        return tokens.slice();
      case "indices":
        return tokens.map((_, p) => p);
      case "map":
        return view(e.inner).map((x) => this.mapped(e, x));
      case "sequence_map": {
        const right = view(e.snd);
        return view(e.fst).map((x, p) => orZero(e, lookUp(this.tables.get(e.label), x, right[p], this.failed)));
      }
      case "linear": {
        const right = view(e.snd);
        return view(e.fst).map((x, p) =>
          x === UNDEFINED || right[p] === UNDEFINED
            ? UNDEFINED
            : orZero(e, x === null || right[p] === null ? null : e.factors[0] * x + e.factors[1] * right[p]),
        );
      }
      case "selector_width":
        return this.pattern(e.selector, view).map((row) =>
          row.includes(2) ? UNDEFINED : row.reduce((sum, chosen) => sum + chosen, 0),
        );
      default: {
        const moved = view(e.sop);
        return this.pattern(e.selector, view).map((row) => (row.includes(2) ? UNDEFINED : this.average(e, row, moved, intervened)));
      }
    }
  }

  mapped(e, x) {
    if (x === UNDEFINED) return UNDEFINED;
    const table = this.tables.get(e.label);
    const value = x === null ? null : table.has(keyOf(x)) ? table.get(keyOf(x)) : this.failed;
    const bins = this.bins[e.label];
    // Neurons tell only the listed numbers apart, by thresholds half way between them.
    if (bins && !same(value, x === null || !bins.length ? null : (table.get(keyOf(nearest(bins, x))) ?? null))) {
      return UNDEFINED;
    }
    return orZero(e, value);
  }

  /** What a selector selects [query][key]: 0 no, 1 yes, 2 there is no saying. */
  pattern(label, view) {
    const select = this.byLabel.get(label);
    const table = this.tables.get(label);
    const keys = view(select.keys);
    return view(select.queries).map((query, q) =>
      keys.map((key, k) => {
        if (this.causal && k > q) return 0;
        const chosen = lookUp(table, key, query, this.failed);
        return chosen === UNDEFINED ? 2 : Number(chosen === true);
      }),
    );
  }

  average(e, row, moved, intervened) {
    const selected = moved.filter((_, p) => row[p] === 1);
    if (!selected.length) return intervened && this.atBos.has(e.sop) ? UNDEFINED : e.default;
    if (selected.includes(UNDEFINED)) return UNDEFINED;
    const mixed = selected.some((value) => !same(value, selected[0]));
    if (e.encoding === "categorical" && this.compiled) return mixed ? UNDEFINED : selected[0];
    const numbers = selected.every((value) => typeof value === "number" || typeof value === "boolean");
    if (selected.length === 1 || !numbers) return mixed ? UNDEFINED : selected[0];
    return selected.reduce((sum, x) => sum + Number(x), 0) / selected.length;
  }
}

function gridTable({ left, right, results, codes }) {
  const columns = new Map(right.map((value, index) => [keyOf(value), index]));
  const rows = new Map(left.map((value, index) => [keyOf(value), index]));
  return { rows, columns, width: right.length, results, codes };
}

function lookUp(table, x, y, failed) {
  if (x === UNDEFINED || y === UNDEFINED) return UNDEFINED;
  if (x === null || y === null) return null;
  const [row, column] = [table.rows.get(keyOf(x)), table.columns.get(keyOf(y))];
  const code = row === undefined || column === undefined ? -1 : table.codes[row * table.width + column];
  return code < 0 ? failed : table.results[code];
}

/** A number that is not there is 0 in a model that holds it as a number. */
function orZero(e, value) {
  return value === null && e.encoding === "numerical" ? 0 : value;
}

function nearest(bins, x) {
  let index = 0;
  while (index + 1 < bins.length && x >= (bins[index] + bins[index + 1]) / 2) index++;
  return bins[index];
}
