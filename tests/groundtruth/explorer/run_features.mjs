// Swaps features of vectors: `node run_features.mjs FILE`, with `{features, base, source}`; prints the vectors made.
import { readFileSync } from "node:fs";
import { readFeatures } from "../../../groundtruth/explorer/page/src/features.js";

const { features, base, source } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { interchange } = readFeatures(features);
const vector = (row) => Float64Array.from(row);
console.log(JSON.stringify(base.map((row, i) => [...interchange(vector(row), vector(source[i]))])));
