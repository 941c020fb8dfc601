// The roles that the page has words for, and what it says of a model's parts: `node run_words.mjs FILE...`.
import { readFileSync } from "node:fs";
import { nodeTexts } from "../../../groundtruth/explorer/page/src/layout.js";
import { readModel } from "../../../groundtruth/explorer/page/src/model.js";
import { ROLES, statusWord } from "../../../groundtruth/explorer/page/src/words.js";

const models = process.argv.slice(2).map((file) => readModel(JSON.parse(readFileSync(file, "utf8"))));
const told = models.map((model) => ({
  texts: Object.fromEntries([...nodeTexts(model)].map(([name, { text }]) => [name, text])),
  statuses: [...new Set([...model.truth.circuits[0].facts.values()].map(statusWord))].sort(),
}));
console.log(JSON.stringify({ roles: Object.keys(ROLES), told }));
