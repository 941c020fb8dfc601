// The inputs, and the value of every variable at every position: what the program says and what the stream holds.

import { button, fill, h, scrolled } from "./dom.js";
import { agreementOf, pairProblem, readStream } from "./analysis.js";
import { same, spell } from "./decoder.js";
import { labelsOf } from "./subspaces.js";
import { notHeldText, sequence } from "./words.js";

export function runView(region, app) {
  return () => {
    const { model, store, found } = app;
    fill(
      region,
      inputField(app, "tokens", "Input"),
      inputField(app, "second", "Second input"),
      h(
        "div",
        { class: "row" },
        button("Exchange the two", "exchange", () => store.set({ tokens: store.state.second, second: store.state.tokens })),
        button("Other inputs", "draw", () => store.set(drawn(model))),
      ),
      pairProblem(model, store.state) && h("p", { class: "warn" }, pairProblem(model, store.state)),
      outputs(app, found),
      store.state.network ? h("p", { class: "hint" }, "This network’s weights were drawn at random: no variable is in it, and only the changed position is judged.") : valueTable(app, found),
    );
  };
}

function drawn(model) {
  const inputs = model.domain.inputs();
  const pick = (from) => from[Math.floor(Math.random() * from.length)];
  const tokens = pick(inputs.filter((input) => input.length >= Math.min(3, model.domain.max)));
  const others = inputs.filter((input) => input.length === tokens.length && input.some((token, p) => !same(token, tokens[p])));
  return { tokens, second: pick(others.length ? others : inputs) };
}

function inputField(app, name, label) {
  const { model, store } = app;
  const id = `field-${name}`;
  const error = h("p", { id: `${id}-error`, class: "error", role: "alert" });
  const field = h("input", {
    id,
    type: "text",
    "data-key": id,
    value: store.state[name].map(spell).join(" "),
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": `${id}-error`,
    oninput: (event) => {
      const tokens = model.domain.parse(event.target.value);
      const problem = model.domain.problem(tokens);
      event.target.setAttribute("aria-invalid", String(problem !== ""));
      error.textContent = problem;
      // While it is being typed an input is not replaced by another spelling of it.
      if (!problem && !same({ tuple: tokens }, { tuple: store.state[name] })) app.typed(name, tokens);
    },
  });
  return h("div", { class: "field" }, h("label", { for: id }, label), field, error);
}

function outputs(app, found) {
  const { state } = app.store;
  const changed = found.intervened;
  return h(
    "dl",
    { class: "outputs", "aria-live": "polite" },
    h("dt", null, "Output"),
    h("dd", null, sequence(found.output)),
    h("dt", null, "Second output"),
    h("dd", null, sequence(found.secondOutput)),
    changed && [
      h("dt", null, (state.swaps.length || state.features !== null) && !state.cuts.length ? "Output after the swap" : "Output after the cut"),
      h("dd", { class: "changed", id: "changed-output" }, marked(found.changedOutput, found.output)),
    ],
    found.causal &&
      !state.cuts.length && [h("dt", null, "The causal model says"), h("dd", null, agreement(app, found))],
  );
}

function marked(values, before) {
  return values.map((value, p) => [p ? " " : "", h(same(value, before[p]) ? "span" : "mark", null, spell(value))]);
}

function agreement(app, found) {
  const { model } = app;
  const said = found.causal.get(model.program.output);
  const only = app.store.state.network ? app.store.state.at : null;
  const verdict = { undefined: model.data.trained ? "a swap leaves the program without a value here, and nothing is claimed" : "no compiled model could hold this", true: only ? `they agree at position ${only[0]}` : "model and program agree", false: only ? `they differ at position ${only[0]}` : "they differ" }[agreementOf(model, app.store.state, found)];
  return h("span", { id: "causal-verdict" }, `${sequence(said.map((v) => (String(v) === "undefined" ? "?" : v)))}: ${verdict}`);
}

function valueTable(app, found) {
  const { model, store } = app;
  const { state } = store;
  const sublayers = 2 * model.network.nLayers;
  const site = Math.min(state.site, sublayers);
  const held = readStream(model, found.changed, site, found.n);
  const before = readStream(model, found.whole, site, found.n);
  return h(
    "div",
    { class: "values" },
    h(
      "label",
      { class: "field" },
      h("span", null, `The residual stream ${siteName(site, sublayers)}, by variable`),
      h("input", {
        type: "range",
        min: 0,
        max: sublayers,
        value: site,
        "data-key": "site",
        "aria-valuetext": siteName(site, sublayers),
        oninput: (event) => store.set({ site: Number(event.target.value) }, { minor: true }),
      }),
    ),
    scrolled(
      "Values by position",
      h(
        "table",
        { class: "by-position" },
        h("caption", null, "In each cell: what the model holds there", found.intervened ? "; before the change → after it" : "", held.some((row) => row.some((item) => item.absent)) ? ". Empty: not held in any subspace that is known at this depth" : ""),
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "position"), state.tokens.map((_, p) => h("th", { scope: "col" }, p)))),
        h(
          "tbody",
          null,
          h("tr", { class: "tokens" }, h("th", { scope: "row" }, "token"), state.tokens.map((token) => h("td", null, spell(token)))),
          model.truth.variables.map((variable, index) => variableRow(app, variable, held[index], before[index])),
        ),
      ),
    ),
    model.truth.variables.length === 0 && h("p", null, `${notHeldText(model)}: no stream can be read by variable.`),
  );
}

function siteName(site, last) {
  if (site === last) return "at the end";
  return site % 2 ? `before m${(site - 1) / 2}` : `before a${site / 2}`;
}

function variableRow(app, variable, held, before) {
  const cell = (item, p) => {
    const changed = shown(item) !== shown(before[p]);
    if (!changed) return h("td", null, shown(item));
    return h("td", { class: "changed" }, h("span", { class: "was" }, shown(before[p])), " → ", h("mark", null, shown(item)));
  };
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, h("span", { class: "swatch", style: `background:${app.colour(labelsOf(variable)[0])}` }), variable.name),
    held.map(cell),
  );
}

export function shown({ value, exact, absent, alike }) {
  if (absent) return "";
  return `${exact ? "" : "~"}${(alike ?? [value]).map(spell).join(" or ")}`;
}
