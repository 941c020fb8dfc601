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

const CONTROLS = "button:not(:disabled), select, input, summary, [tabindex='0']";

/**
 * Put new content into a region, and leave the reader where they were: what had the focus has it again, lists stay
 * open, and drawings stay where they were scrolled to. All are found again by their `data-key`.
 */
export function fill(region, ...content) {
  const active = document.activeElement;
  const key = region.contains(active) ? active.dataset?.key : null;
  const caret = key && active.selectionStart !== undefined ? active.selectionStart : null;
  const controls = () => [...region.querySelectorAll(CONTROLS)];
  const place = key ? controls().indexOf(active) : 0;
  const open = [...region.querySelectorAll("details[open]")].map((element) => element.dataset.key);
  const scrolls = [...region.querySelectorAll(".scroll")].map((element) => [element.dataset.key, element.scrollLeft, element.scrollTop]);
  region.replaceChildren(...content.flat(Infinity).filter(Boolean));
  const find = (name) => region.querySelector(`[data-key="${CSS.escape(name)}"]`);
  for (const name of open) find(name)?.setAttribute("open", "");
  for (const [name, left, top] of scrolls) find(name)?.scrollTo(left, top);
  if (!key) return;
  const again = find(key);
  // What is gone, as a button that puts back, leaves the focus to what stands in its place.
  const target = again && !again.disabled ? again : (controls()[place] ?? controls().at(-1));
  target?.focus({ preventScroll: target === again });
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

/** A part that scrolls by itself, by keyboard too. */
export function scrolled(label, ...children) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label, "data-key": `scroll:${label}` }, children);
}

/** A part that opens under its title. */
export function folded(key, title, ...children) {
  return h("details", { class: key, "data-key": key }, h("summary", { "data-key": `title:${key}` }, title), children);
}

/** Handlers of what acts when it is clicked or Enter is pressed on it; `keys` are further keys with what they do. */
export function pressed(act, keys = {}) {
  const onkeydown = (event) => {
    const acts = event.key === "Enter" || event.key === " " ? act : keys[event.key];
    if (!acts) return;
    event.preventDefault();
    acts();
  };
  return { onclick: act, onkeydown };
}

/** Handlers that show a text beside what the pointer or the keyboard is on. */
export function pointed(text) {
  const hide = () => showTip(null);
  return {
    onmouseenter: (event) => showTip(text, event.clientX, event.clientY),
    onmouseleave: hide,
    onfocus: ({ target }) => {
      if (!target.matches(":focus-visible")) return;
      const box = target.getBoundingClientRect();
      showTip(text, box.left + box.width / 2, box.bottom);
    },
    onblur: hide,
  };
}

function showTip(text, x, y) {
  const tip = document.getElementById("tip");
  tip.hidden = text === null;
  if (tip.hidden) return;
  tip.textContent = text;
  tip.style.left = `${Math.max(0, Math.min(x + 14, innerWidth - 320))}px`;
  tip.style.top = `${Math.min(y + 18, innerHeight - tip.offsetHeight)}px`;
}

/** Once a page: Escape takes the text away, and lists are open on paper. */
export function listen() {
  let opened = [];
  addEventListener("keydown", (event) => event.key === "Escape" && showTip(null));
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.edge-list:not([open])")];
    for (const list of opened) list.open = true;
  });
  addEventListener("afterprint", () => {
    for (const list of opened) list.open = false;
  });
}
