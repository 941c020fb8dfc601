// Runs every step of a story as the page does: `node run_stories.mjs FILE`, the data of a page of a story.
import { readFileSync } from "node:fs";
import { agreementOf, analyse } from "../../../groundtruth/explorer/page/src/analysis.js";
import { same } from "../../../groundtruth/explorer/page/src/decoder.js";
import { readModel } from "../../../groundtruth/explorer/page/src/model.js";
import { initialState, readAddress, stepState, writeFragment } from "../../../groundtruth/explorer/page/src/state.js";

const model = readModel(JSON.parse(readFileSync(process.argv[2], "utf8")));
const initial = initialState(model);
const steps = model.data.story.steps.map((step, index) => {
  const state = stepState(model, index);
  const found = analyse(model, state);
  const { claim } = step;
  const address = writeFragment({ ...state, tokens: state.second }, stepState(model, index));
  const again = readAddress(model, initial, `#${address}`);
  return {
    agrees: found.causal ? (agreementOf(model, state, found) ?? null) : null,
    changes: found.intervened && found.changedOutput.some((value, p) => !same(value, found.output[p])),
    claim: claim && same(found.changedOutput[claim.position], claim.value),
    features: state.features,
    kept: again.step === index && again.features === state.features && String(again.tokens) === String(state.second),
  };
});
console.log(JSON.stringify(steps));
