// Unpacks what `pack_page` packed: `node run_packed.mjs FILE`.
import { readFileSync } from "node:fs";
import { Matrix } from "../../../groundtruth/explorer/page/src/matrix.js";
import { unpackPage, withNumbers } from "../../../groundtruth/explorer/page/src/packed_page.js";

const { script, style, model, numbers } = await unpackPage(readFileSync(process.argv[2], "utf8"));
const { name, network, truth, rankings } = withNumbers(JSON.parse(model), numbers);
const matrices = [...network.steps, truth.variables[0].span].map((packed) => Buffer.from(Matrix.unpack(packed).dense().buffer).toString("base64"));
console.log(JSON.stringify({ script, style, name, rankings, matrices, bias: [...network.bias], short: network.short }));
