// The panel of a mode: a method's ranking with a slider over circuit size, or the game of guessing the circuit.

import { button, chooser, fill, h, s } from "./dom.js";
import { firstFailure, hintedEdge, nearestMember, outputOf } from "./guess.js";
import { valuesOf } from "./model.js";
import { parseEdge } from "./network.js";
import { againstTruth, cmd, cpr, curvePoints, Measure, orderOf } from "./ranking.js";
import { pairProblem } from "./analysis.js";
import { storyPanel } from "./view_story.js";
import { reasonText, sequence, statusWord } from "./words.js";

export const MODE_NAMES = { story: "Story", explore: "Explore", method: "Compare methods", guess: "Guess the circuit" };

/** What each mode shows beside the model. */
const PANELS = { story: storyPanel, explore: () => null, method: methodPanel, guess: guessPanel };

export function modeView(region, app) {
  return () => {
    const { mode } = app.store.state;
    region.parentElement.hidden = mode === "explore";
    document.getElementById("h-mode").textContent = MODE_NAMES[mode];
    fill(region, PANELS[mode](app));
  };
}

/** The edges that a method's best k are; kept on the app, where the drawing finds them. */
export function chooseByMethod(app) {
  const { model, store } = app;
  const { state } = store;
  const ranking = model.data.rankings?.[state.method];
  if (state.mode !== "method" || !ranking) return null;
  const circuit = model.truth.circuits[state.circuit];
  const { edges } = model.network.graph;
  const matched = againstTruth(model.network.graph, ranking.scores, circuit);
  const member = circuit.members[matched.member];
  const size = state.size ?? member.length;
  const order = orderOf(ranking.scores, "absolute");
  const names = new Set(order.slice(0, size).filter((i) => ranking.scores[i] !== 0).map((i) => edges[i]));
  const absent = [...names].filter((name) => !circuit.facts.has(name)).map((name) => ({ name, ...parseEdge(name) }));
  return { ranking, size, order, matched, member, chosen: { names, absent, member: new Set(member) } };
}

function methodPanel(app) {
  const { model, store } = app;
  const { rankings } = model.data;
  if (!rankings?.length) return h("p", null, model.data.why_none ?? "This page was written without a method: groundtruth explore NAME --method eap");
  const { ranking, size, chosen, member } = app.method;
  const { auroc, averagePrecision, member: matched } = app.method.matched;
  const circuit = model.truth.circuits[store.state.circuit];
  const right = [...chosen.names].filter((name) => chosen.member.has(name)).length;
  const whole = circuit.members.length > 1 ? `minimal circuit ${matched + 1} of ${circuit.members.length}, which it matches best` : "the circuit";
  return [
    chooser("Method", "method", rankings.map((item, i) => [i, item.method]), store.state.method, (value) => store.set({ method: Number(value) }, { minor: true })),
    h("p", null, `AUROC ${shown(auroc)} · average precision ${shown(averagePrecision)} against the ${member.length} edges of ${whole}.`),
    h(
      "label",
      { class: "field" },
      h("span", null, `Its best ${size} of ${model.network.graph.edges.length} edges: ${right} right`),
      h("input", {
        type: "range", min: 0, max: model.network.graph.edges.length, value: size, "data-key": "size",
        oninput: (event) => store.set({ size: Number(event.target.value) }, { minor: true }),
      }),
    ),
    button(`As many as it has: ${member.length}`, "true-size", () => store.set({ size: member.length }, { minor: true })),
    curves(app),
    wrongEdges(app, circuit),
  ];
}

const shown = (number) => (number === null ? "–" : number.toFixed(3));

function wrongEdges(app, circuit) {
  const { ranking, order, chosen, member } = app.method;
  const { edges } = app.model.network.graph;
  const places = new Map(order.map((i, rank) => [edges[i], rank + 1]));
  const scoreOf = new Map(edges.map((edge, i) => [edge, ranking.scores[i]]));
  const missed = member.filter((name) => !chosen.names.has(name));
  const wrong = [...chosen.names].filter((name) => !circuit.needed.has(name));
  const elsewhere = [...chosen.names].filter((name) => circuit.needed.has(name) && !chosen.member.has(name));
  const line = (name) => {
    const edge = app.model.truth.edges.find((item) => item.name === name);
    const fact = circuit.facts.get(name) ?? { status: "absent" };
    const why = edge ? `${statusWord(fact)}; ${reasonText(edge)}` : "absent: nothing that is read";
    const score = scoreOf.get(name);
    const zero = score === 0 ? " Its score is exactly 0: no gradient arrives there." : "";
    return h("li", null, button(name, `wrong:${name}`, () => app.chooseEdge(name), { class: "link" }), ` rank ${places.get(name)}, score ${score === 0 ? 0 : score.toPrecision(3)}; ${why}.${zero}`);
  };
  const part = (title, names) => [h("h3", null, `${title}: ${names.length}`), h("ul", { class: "plain" }, names.slice(0, 40).map(line))];
  return [...part("Missed", missed), ...part("Wrongly chosen", wrong), ...(elsewhere.length ? part("Of other minimal circuits", elsewhere) : [])];
}

/** The curves of the ranking, computed a few circuits at a time so that the page stays at hand. */
function curves(app) {
  const { model, method } = app;
  const known = (app.curves ??= new Map());
  const name = method.ranking.method;
  if (!known.has(name)) {
    known.set(name, { signed: [], absolute: [], done: false });
    setTimeout(() => compute(app, name, method.ranking.scores), 0);
  }
  const { signed, absolute, done } = known.get(name);
  const text = done
    ? `CPR ${cpr(signed).toFixed(3)} · CMD ${cmd(absolute).toFixed(3)}, on ${model.data.pairs.length} pairs`
    : `Measuring circuits: ${signed.length} so far`;
  const at = method.size / model.network.graph.edges.length;
  return h("figure", null, plot(signed, absolute, at, text), h("figcaption", { id: "areas" }, `${text}. Solid: faithfulness by signed score; dashed: by absolute score.`));
}

function compute(app, name, scores) {
  const { model } = app;
  app.measure ??= new Measure(model, model.data.pairs);
  const found = app.curves.get(name);
  const steps = { signed: curvePoints(model, app.measure, scores, "signed"), absolute: curvePoints(model, app.measure, scores, "absolute") };
  const work = () => {
    const until = performance.now() + 60;
    let finished = false;
    while (!finished && performance.now() < until) {
      finished = true;
      for (const kind of ["signed", "absolute"]) {
        const { value, done } = steps[kind].next();
        if (!done) {
          found[kind].push(value);
          finished = false;
        }
      }
    }
    found.done = finished;
    if (app.store.state.mode === "method") app.renderMode();
    if (!finished) setTimeout(work, 0);
  };
  work();
}

function plot(signed, absolute, at, label) {
  const [width, height, pad] = [300, 150, 18];
  const all = [...signed, ...absolute].map(([, y]) => y);
  const low = Math.min(0, ...all);
  const high = Math.max(1, ...all);
  const x = (value) => pad + value * (width - 2 * pad);
  const y = (value) => height - pad - ((value - low) / (high - low)) * (height - 2 * pad);
  const path = (points) => points.map(([px, py], i) => `${i ? "L" : "M"}${x(px).toFixed(1)},${y(py).toFixed(1)}`).join("");
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": `Faithfulness by share of edges kept. ${label}` },
    s("path", { d: `M${x(0)},${y(1)}L${x(1)},${y(1)}M${x(0)},${y(0)}L${x(1)},${y(0)}`, class: "axis" }),
    s("path", { d: `M${x(at)},${pad}L${x(at)},${height - pad}`, class: "at" }),
    signed.length > 1 && s("path", { d: path(signed), class: "signed" }),
    absolute.length > 1 && s("path", { d: path(absolute), class: "absolute" }),
    s("text", { x: 2, y: y(1) + 4 }, "1"),
    s("text", { x: 2, y: y(0) + 4 }, "0"),
    s("text", { x: width - pad - 92, y: height - 4 }, "share of edges"),
  );
}

function guessPanel(app) {
  const { model, store } = app;
  const { state } = store;
  const circuit = model.truth.circuits[state.circuit];
  const [verdict, hint] = [app.verdict, app.hint];
  const impossible = circuit.ablation === "resample" && pairProblem(model, state);
  const given = impossible ? null : valuesOf(model, outputOf(model, circuit, state.guess, state.tokens, state.second));
  return [
    h("p", null, `Which edges does this model need? Click edges in the drawing (or in the list below it). All others carry ${circuit.ablation === "resample" ? "their value on the second input" : `what ${circuit.ablation} ablation puts there`}.`),
    h(
      "dl",
      { class: "outputs" },
      h("dt", null, "Your circuit"), h("dd", null, `${state.guess.length} edges`),
      h("dt", null, "It gives"), h("dd", { id: "guess-output" }, given ? sequence(given) : "–"),
      h("dt", null, "The model gives"), h("dd", null, sequence(app.found.output)),
    ),
    h(
      "div",
      { class: "row" },
      button("Check it", "check", () => app.check(), { class: "primary" }),
      button("Hint", "hint", () => app.giveHint()),
      button(state.shown ? "Hide the solution" : "Solution", "solution", () => store.set({ shown: !state.shown })),
      button("Start again", "clear", () => store.set({ guess: [], shown: false })),
    ),
    h("div", { "aria-live": "polite", id: "verdict" }, hint && h("p", null, hint), verdict && verdictText(app, circuit, verdict)),
  ];
}

function verdictText(app, circuit, { failure, guess }) {
  const { missing, extra, member } = nearestMember(circuit, guess);
  const score = h("p", { class: "score" }, `${member.length - missing.length} of ${member.length} edges found, ${extra.length} too many; hints: ${app.hints ?? 0}.`);
  if (failure.tokens) {
    const other = failure.second ? ` with ${sequence(failure.second)} as the second input` : "";
    const show = () => app.store.set({ tokens: failure.tokens, second: failure.second ?? app.store.state.second });
    return [
      h("p", null, `It fails on ${sequence(failure.tokens)}${other}: it gives ${sequence(failure.given)}, the model ${sequence(failure.expected)}. `, button("Look at this input", "failing", show)),
      score,
    ];
  }
  if (!missing.length && !extra.length) return [h("p", { class: "good" }, `That is ${circuit.members.length > 1 ? "a minimal circuit of the family" : "the circuit"}: proven, and right on all ${failure.runs} runs just made.`), score];
  const known = missing.length ? "No failure is found, yet it is no circuit that is known to be minimal." : "It contains a whole circuit: it can do with fewer edges.";
  return [h("p", null, `It gives the model's output on ${failure.runs} runs. ${known}`), score];
}

/** What `Check it` and `Hint` do. */
export function guessActions(app) {
  const circuitOf = () => app.model.truth.circuits[app.store.state.circuit];
  return {
    check: () => {
      const { guess } = app.store.state;
      app.verdict = { guess, failure: firstFailure(app.model, circuitOf(), guess) };
      app.renderMode();
    },
    giveHint: () => {
      const edge = hintedEdge(app.model, circuitOf(), app.store.state.guess);
      const repeated = edge && app.hinted === edge.name;
      app.hints = (app.hints ?? 0) + 1;
      app.hinted = edge?.name;
      app.hint = !edge
        ? "Nothing is missing."
        : repeated
          ? `It is ${edge.name}.`
          : `${edge.node} lacks something${edge.letter ? ` that it reads as ${{ q: "query", k: "key", v: "value" }[edge.letter]}` : ""}: ${edge.travels.join(", ")}. Who writes that?`;
      app.renderMode();
    },
  };
}
