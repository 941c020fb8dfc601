// CPR, CMD, AUROC and average precision of rankings: `node run_rankings.mjs FILE`.
import { readFileSync } from "node:fs";
import { readModel } from "../../../groundtruth/explorer/page/src/model.js";
import { againstTruth, cmd, cpr, curvePoints, Measure } from "../../../groundtruth/explorer/page/src/ranking.js";

const data = JSON.parse(readFileSync(process.argv[2], "utf8"));
const model = readModel(data);
const measure = new Measure(model, data.pairs);
const points = (scores, ranking) => [...curvePoints(model, measure, scores, ranking)];
console.log(
  JSON.stringify(
    data.rankings.map(({ scores }) => ({
      ...againstTruth(model.network.graph, scores, model.truth.circuits[0]),
      cpr: cpr(points(scores, "signed")),
      cmd: cmd(points(scores, "absolute")),
    })),
  ),
);
