// From logits to values: what groundtruth/compiled/decoder.py does, with its tolerances.

const NONE_BELOW = 1e-2;
const TIE = 1e-6;
const NUMERIC_TOLERANCE = 1e-6;

export const NONE = -1;

/** A decoder from `{values, centered}`; without values the output is a number. */
export function makeDecoder({ values, centered }) {
  const categorical = values.length > 0;
  /** One number for the logits of a position: the index of the value, -1 for none; or the number itself. */
  const code = (logits) => {
    if (!categorical) return logits[0];
    const mean = centered ? logits.reduce((sum, x) => sum + x, 0) / logits.length : 0;
    let best = -Infinity;
    for (const logit of logits) best = Math.max(best, logit - mean);
    return best >= NONE_BELOW ? logits.findIndex((logit) => logit - mean >= best - TIE) : NONE;
  };
  const differ = (left, right) =>
    categorical ? left !== right : !(Math.abs(left - right) <= NUMERIC_TOLERANCE * Math.max(1, Math.abs(right)));
  return {
    categorical,
    centered,
    values,
    code,
    differ,
    value: (number) => (!categorical ? number : number === NONE ? null : values[number]),
    codeOf: (value) => (!categorical ? Number(value) : value === null ? NONE : values.findIndex((v) => same(v, value))),
  };
}

/** Whether two values of a program are equal as Python has it: 1, 1.0 and True are one value. */
export function same(left, right) {
  return keyOf(left) === keyOf(right);
}

/** A text that equal values share. */
export function keyOf(value) {
  if (value === null) return "none";
  if (typeof value === "boolean") return `n${Number(value)}`;
  if (typeof value === "number") return `n${value}`;
  return typeof value === "string" ? `s${value}` : `t${value.tuple.map(keyOf).join("|")}`;
}

export function spell(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "T" : "F";
  if (typeof value === "object") return `(${value.tuple.map(spell).join(", ")})`;
  return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(3))) : String(value);
}
