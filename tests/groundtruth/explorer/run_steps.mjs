// Runs one network on inputs and prints its logits: `node run_steps.mjs FILE`.
import { readFileSync } from "node:fs";
import { readNetwork, run } from "../../../groundtruth/explorer/page/src/network.js";

const { network, inputs } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const read = readNetwork(network);
console.log(JSON.stringify(inputs.map((ids) => run(read, ids).logits.map((row) => [...row]))));
