// Elements from JavaScript: `h("button", { onclick, "aria-pressed": true }, "Cut")`.

const SVG = "http://www.w3.org/2000/svg";

function build(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function h(tag, props, ...children) {
  return build(document.createElement(tag), props, children);
}

export function s(tag, props, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

/** Put new content into a region; what had the focus, by its `data-key`, has it again afterwards. */
export function fill(region, ...content) {
  const active = document.activeElement;
  const key = region.contains(active) ? active.dataset?.key : null;
  const caret = key && active.selectionStart !== undefined ? active.selectionStart : null;
  region.replaceChildren(...content.flat(Infinity).filter(Boolean));
  if (!key) return;
  const again = region.querySelector(`[data-key="${CSS.escape(key)}"]`);
  again?.focus({ preventScroll: true });
  if (again && caret !== null && again.type === "text") again.setSelectionRange(caret, caret);
}

export function option(value, text, selected) {
  return h("option", { value, selected: value === selected }, text);
}

/** A label with a list to choose from. */
export function chooser(label, key, options, selected, onchange) {
  return h(
    "label",
    { class: "field" },
    h("span", null, label),
    h(
      "select",
      { "data-key": key, onchange: (event) => onchange(event.target.value) },
      options.map(([value, text]) => option(String(value), text, String(selected))),
    ),
  );
}

export function button(text, key, onclick, props = {}) {
  return h("button", { type: "button", "data-key": key, onclick, ...props }, text);
}
