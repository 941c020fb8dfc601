// The program, a colour for each expression; a click chooses a variable.

import { button, fill, folded, h } from "./dom.js";

export function programView(region, app) {
  return () => {
    const { program } = app.model;
    const { state } = app.store;
    const guessing = state.mode === "guess" && !state.shown;
    const lines = program.sops.filter((e) => e.kind !== "indices" || used(program, e.label));
    fill(
      region,
      h(
        "ol",
        { class: "lines" },
        lines.map((e) => {
          const chosen = state.selected === `variable:${e.label}`;
          return h(
            "li",
            { class: chosen ? "selected" : null },
            h("span", { class: "swatch", style: `background:${app.colour(e.label)}` }),
            // While guessing nothing is told of a variable: who writes and reads it is what is asked.
            guessing
              ? e.name
              : button(e.name, `variable:${e.label}`, () => app.store.set({ selected: `variable:${e.label}` }, { minor: true }), {
                  class: "link name",
                  "aria-pressed": chosen,
                }),
            e.formula ? h("code", null, ` = ${e.formula}`) : null,
          );
        }),
      ),
      program.source && folded("source", "Its text in Python", h("pre", { tabindex: 0 }, h("code", null, program.source))),
    );
  };
}

function used(program, label) {
  return program.sops.some((e) => program.operands(e.label).includes(label));
}
