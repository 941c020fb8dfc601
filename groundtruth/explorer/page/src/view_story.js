// A guided story: a few sentences a step, each step a state of the page; back, next, and what can be tried on the way.

import { button, chooser, h } from "./dom.js";
import { same, spell } from "./decoder.js";
import { stepState } from "./state.js";

/** The panel of the story that came with the page. */
export function storyPanel(app) {
  const { model, store } = app;
  const { story } = model.data;
  const { step } = store.state;
  const go = (to) => store.set(stepState(model, to));
  const last = step === story.steps.length - 1;
  return [
    h("h3", { id: "story-title" }, story.title),
    h(
      "div",
      { "aria-live": "polite", id: "story-text" },
      h("p", { class: "hint" }, `Step ${step + 1} of ${story.steps.length}`),
      story.steps[step].text.map((sentence) => h("p", null, sentence)),
      claimText(app, story.steps[step].claim),
      last && lesson(story),
    ),
    h(
      "div",
      { class: "row", role: "group", "aria-label": "Steps of the story" },
      button("Back", "step:back", () => step && go(step - 1), { "aria-disabled": String(step === 0) }),
      last
        ? button("From the beginning", "step:next", () => go(0))
        : button("Next", "step:next", () => go(step + 1), { class: "primary" }),
      button("Show this step again", "step:again", () => go(step)),
    ),
    featureChooser(app),
    h("nav", { "aria-label": "Other stories" }, h("ul", { class: "plain" }, story.links.map(([text, address]) => h("li", null, h("a", { href: address }, text))))),
  ];
}

/** An answer that somebody expects, beside what the network gives now. */
function claimText(app, claim) {
  if (!claim) return null;
  const given = app.found.changedOutput[claim.position];
  const right = same(given, claim.value);
  return h("p", { id: "claim" }, `At position ${claim.position} ${claim.who} says ${spell(claim.value)}, the model ${spell(given)}: ${right ? "right" : "wrong"}.`);
}

/** What is swapped can be chosen by hand too. */
function featureChooser(app) {
  const { model, store } = app;
  const { state } = store;
  if (!model.features.length) return null;
  const fits = ({ random }) => Number(random) === state.network;
  const options = model.features.map((item, i) => [i, item]).filter(([, item]) => fits(item));
  const choose = (value) => store.set({ features: value === "" ? null : Number(value), cuts: [], swaps: [] });
  const where = state.at ? `At position ${state.at[0]}, from position ${state.at[1]} of the second input.` : "At every position.";
  return [
    chooser("Swap from the second input", "features", [["", "nothing"], ...options.map(([i, { name }]) => [i, name])], state.features ?? "", choose),
    state.features !== null && h("p", { class: "hint" }, where),
  ];
}

function lesson(story) {
  const part = (title, findings) => [
    h("tr", null, h("th", { scope: "rowgroup", colspan: 2 }, title)),
    findings.map(({ what, value }) => h("tr", null, h("td", null, what), h("td", { class: "number" }, value))),
  ];
  return [
    h(
      "table",
      { class: "measured" },
      h("caption", null, "Measured on many pairs when this page was written"),
      h("tbody", null, part("The usual metric says", story.naive)),
      h("tbody", null, part("The truth says", story.truth)),
    ),
    h("p", null, h("strong", null, "Why. "), story.why),
    h("p", null, h("strong", null, "Instead. "), story.instead),
    h("p", { class: "hint" }, story.source),
  ];
}
