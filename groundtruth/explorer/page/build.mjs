// Bundles the page: `node build.mjs [FOLDER]` writes explorer.js, unpack.js, circuit.js and explorer.css, by default beside this folder.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";

const here = dirname(fileURLToPath(import.meta.url));
const { build } = createRequire(import.meta.url)("esbuild");
const folder = process.argv[2] ?? join(here, "..", "bundle");
const common = { bundle: true, minify: true, charset: "utf8", legalComments: "none", logLevel: "warning" };
for (const [entry, name] of [["main.js", "explorer.js"], ["unpack.js", "unpack.js"], ["circuit_page.js", "circuit.js"]]) {
  await build({ ...common, entryPoints: [join(here, "src", entry)], outfile: join(folder, name), format: "iife", target: "es2022" });
}
await build({ ...common, entryPoints: [join(here, "src", "style.css")], outfile: join(folder, "explorer.css"), target: ["chrome123", "firefox120", "safari17.5"] });
