// Starts a packed page: unpacks the explorer's script and its model, and runs it.

import { unpackPage } from "./packed_page.js";

async function start() {
  const { script, style, model, numbers } = await unpackPage(document.getElementById("packed").textContent);
  globalThis.packedNumbers = numbers;
  document.querySelector("style").textContent = style;
  add({ type: "application/json", id: "model", textContent: model });
  add({ textContent: script });
}

function add(content) {
  document.body.append(Object.assign(document.createElement("script"), content));
}

start();
