// The attention pattern of every head on the input, before and after what is cut and swapped.

import { fill, h } from "./dom.js";
import { spell } from "./decoder.js";

export function attentionView(region, app) {
  return () => {
    const { model, found } = app;
    const names = [...found.changed.attention.keys()];
    const labels = ["BOS", ...app.store.state.tokens.map(spell)];
    fill(
      region,
      names.length ? null : h("p", null, "This model has no attention."),
      h("div", { class: "patterns" }, names.map((name) => pattern(app, name, labels, model))),
    );
  };
}

function pattern(app, name, labels) {
  const { found } = app;
  const size = labels.length;
  const after = found.changed.attention.get(name);
  const before = found.whole.attention.get(name);
  const differs = (q, k) => Math.abs(after[q][k] - before[q][k]) > 1e-3;
  const cell = (q, k) => {
    const weight = after[q][k];
    return h(
      "td",
      { style: `--weight:${(100 * weight).toFixed(0)}%`, class: differs(q, k) ? "changed" : null, title: `${labels[q]} → ${labels[k]}: ${weight.toFixed(2)}` },
      h("span", { class: "hidden" }, weight.toFixed(2)),
    );
  };
  const rows = Array.from({ length: size }, (_, q) => q);
  return h(
    "table",
    { class: "pattern" },
    h("caption", null, `${name} ${(app.store.state.network ? "" : app.texts.get(name)?.text) ?? ""}`),
    h("thead", null, h("tr", null, h("td", null), rows.map((k) => h("th", { scope: "col" }, labels[k])))),
    h("tbody", null, rows.map((q) => h("tr", null, h("th", { scope: "row" }, labels[q]), rows.map((k) => cell(q, k))))),
  );
}
