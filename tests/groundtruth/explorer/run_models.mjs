// Runs exported models and says how far they are from Python: `node run_models.mjs FOLDER`, one JSON file a model.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { same } from "../../../groundtruth/explorer/page/src/decoder.js";
import { codesOf, encode, readModel, runCut, valuesOf, widthFor } from "../../../groundtruth/explorer/page/src/model.js";
import { run } from "../../../groundtruth/explorer/page/src/network.js";

const folder = process.argv[2];
const found = {};
for (const file of readdirSync(folder)) {
  const { data, inputs, logits, outputs, ablations } = JSON.parse(readFileSync(join(folder, file), "utf8"));
  const model = readModel(data);
  const bytes = Buffer.from(logits, "base64");
  const expected = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  let place = 0;
  let difference = 0;
  let wrong = 0;
  inputs.forEach((tokens, index) => {
    const result = run(model.network, encode(model, tokens));
    for (const row of result.logits) {
      for (const logit of row) difference = Math.max(difference, Math.abs(logit - expected[place++]));
    }
    if (!agrees(model, valuesOf(model, codesOf(model, result, tokens.length)), outputs[index])) wrong++;
  });
  found[data.name] = { inputs: inputs.length, difference, wrong, read: place === expected.length, ...witnesses(model, ablations) };
}
console.log(JSON.stringify(found));

function agrees(model, values, expected) {
  if (model.decoder.categorical) return values.every((value, i) => same(value, expected[i]));
  return values.every((value, i) => !model.decoder.differ(value, expected[i]));
}

function witnesses(model, ablations) {
  let tried = 0;
  const refuted = [];
  for (const circuit of model.truth.circuits.filter((c) => ablations.includes(c.ablation))) {
    for (const [edge, { witness }] of circuit.facts) {
      if (!witness) continue;
      tried++;
      const { ablation, lengths } = circuit;
      const n = witness.clean.length;
      const whole = run(model.network, encode(model, witness.clean, widthFor(model, lengths, witness.clean)));
      const cut = runCut(model, witness.clean, [edge], { ablation, lengths, second: witness.counterfactual });
      const holds =
        agrees(model, valuesOf(model, codesOf(model, whole, n)), witness.output) &&
        agrees(model, valuesOf(model, codesOf(model, cut, n)), witness.cutOutput);
      if (!holds) refuted.push(`${ablation}/${lengths} ${edge}`);
    }
  }
  return { tried, refuted };
}
