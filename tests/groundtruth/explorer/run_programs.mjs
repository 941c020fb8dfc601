// Runs programs as causal models and swaps their variables in the model: `node run_programs.mjs FOLDER`.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { analyse, readStream } from "../../../groundtruth/explorer/page/src/analysis.js";
import { keyOf } from "../../../groundtruth/explorer/page/src/decoder.js";
import { encode, readModel } from "../../../groundtruth/explorer/page/src/model.js";
import { run } from "../../../groundtruth/explorer/page/src/network.js";
import { UNDEFINED } from "../../../groundtruth/explorer/page/src/program.js";

const folder = process.argv[2];
const found = {};
for (const file of readdirSync(folder)) {
  const { data, traces, swaps } = JSON.parse(readFileSync(join(folder, file), "utf8"));
  const model = readModel(data);
  const wrong = [];
  for (const { tokens, values } of traces) {
    const own = model.program.run(tokens);
    for (const [label, column] of Object.entries(values)) {
      if (spelt(own.get(label)) !== spelt(column)) wrong.push(`${tokens} ${label}: ${spelt(own.get(label))}`);
    }
  }
  let defined = 0;
  for (const { base, source, variable, stage, output, agrees } of swaps) {
    const state = { tokens: base, second: source, circuit: 0, cuts: [], swaps: [{ variable, stage }], ablation: "resample", features: null, at: null, network: 0 };
    const result = analyse(model, state);
    const causal = result.causal.get(model.program.output);
    const name = `${base} from ${source} ${data.truth.variables[variable].name} ${stage}`;
    if (spelt(causal) !== spelt(output)) wrong.push(`causal model, ${name}: ${spelt(causal)}, not ${spelt(output)}`);
    if (!agrees || output.some((value) => value?.undefined)) continue;
    defined++;
    const differs = result.changedOutput.some((value, p) => model.decoder.differ(model.decoder.codeOf(value), model.decoder.codeOf(causal[p])));
    if (differs) wrong.push(`model, ${name}: ${spelt(result.changedOutput)}, not ${spelt(output)}`);
  }
  found[data.name] = { traces: traces.length, defined, wrong, ...readings(model) };
}
console.log(JSON.stringify(found));

/** How often a trained network's plain run is read, at any site, as another value than the program's. */
function readings(model) {
  const [misread, all] = [[], []];
  for (const tokens of model.domain.inputs()) {
    const result = run(model.network, encode(model, tokens));
    const values = model.program.run(tokens);
    for (let sublayer = 0; sublayer <= 2 * model.network.nLayers; sublayer++) {
      readStream(model, result, sublayer, tokens.length).forEach((row, index) => {
        const labels = model.truth.variables[index].labels;
        row.forEach(({ value, exact, absent, alike }, p) => {
          if (absent || !labels) return;
          const own = labels.map((label) => values.get(label)[p]);
          const [wanted] = own.length === 1 ? own : [{ tuple: own }];
          all.push(value);
          if (!exact || !alike.some((item) => keyOf(item) === keyOf(wanted))) misread.push(`${tokens} ${labels} before ${sublayer}: ${keyOf(value)}`);
        });
      });
    }
  }
  return { readings: all.length, misread };
}

function text(value) {
  if (value === UNDEFINED || value?.undefined) return "undefined";
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(9) : keyOf(value);
}

function spelt(values) {
  return values.map(text).join(" ");
}

