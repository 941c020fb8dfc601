// Tables sort by a click on a heading, and one field filters methods and models. Without this the page is as complete.
"use strict";
(() => {
  const textOf = (row, place) => row.cells[place].textContent.trim();
  const numberOf = (text) => {
    const [, over, under] = text.match(/^(-?[\d,.]+)(?:\/([\d,.]+))?/) ?? [];
    const number = (digits) => Number(digits.replaceAll(",", ""));
    return over === undefined ? NaN : under ? number(over) / number(under) : number(over);
  };
  // Numbers by size, before words; what is not there comes last either way.
  const compare = (place, sign) => (one, other) => {
    const [a, b] = [textOf(one, place), textOf(other, place)];
    if (a === "–" || b === "–") return (a === "–") - (b === "–");
    const [x, y] = [numberOf(a), numberOf(b)];
    return sign * (place && !Number.isNaN(x - y) ? x - y : a.localeCompare(b));
  };
  const next = { descending: "ascending", ascending: "none", none: "descending" };

  for (const table of document.querySelectorAll("table.sortable")) {
    const [body] = table.tBodies;
    const before = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      const holder = heading.querySelector("span") ?? heading;
      const link = holder.querySelector("a");
      button.append(...(link ? ["↕"] : holder.childNodes));
      if (link) button.setAttribute("aria-label", `sort by ${link.textContent}`);
      holder.append(button);
      button.addEventListener("click", () => {
        const order = next[heading.getAttribute("aria-sort") ?? "none"];
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        if (order !== "none") heading.setAttribute("aria-sort", order);
        const rows = order === "none" ? before : [...before].sort(compare(place, order === "ascending" ? 1 : -1));
        body.append(...rows);
      });
    });
  }

  const label = document.createElement("label");
  label.className = "filter";
  const field = document.createElement("input");
  field.type = "search";
  label.append("Show methods and models whose name holds ", field);
  document.querySelector("main > p").after(label);
  const parts = [
    ...[...document.querySelectorAll("table.sortable tbody tr")].map((row) => [row, textOf(row, 0)]),
    ...[...document.querySelectorAll("section > details")].map((part) => [part, part.querySelector("summary").textContent]),
  ];
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const [part, name] of parts) part.hidden = !name.toLowerCase().includes(wanted);
  });
})();
