// Sorting of tables. The page is read without it: tables and figures are in the HTML.
"use strict";
document.documentElement.classList.add("js");

// Names of classes are anybody's text: everything is set as text or as an attribute, nothing as HTML.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// --- tables ---

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = Number(text.replace(/,/g, "").replace("−", "-").replace(/[%]$/, ""));
  return text === "—" ? null : text === "" || Number.isNaN(number) ? text : number;
}

function compare(first, second) {
  if (typeof first === "number" && typeof second === "number") return first - second;
  return String(first).localeCompare(String(second), "en", { numeric: true, sensitivity: "base" });
}

function sort(table, column, direction) {
  const body = table.tBodies[0];
  const rows = [...body.rows].filter((row) => !row.classList.contains("detail"));
  const keyed = rows.map((row) => [valueOf(row, column), row]);
  // What is not defined stays last, in either direction.
  keyed.sort(([first], [second]) =>
    first === null || second === null ? (first === null) - (second === null) : direction * compare(first, second));
  const ordered = document.createDocumentFragment();
  for (const [, row] of keyed) {
    const detail = row.nextElementSibling?.classList.contains("detail") ? row.nextElementSibling : null;
    ordered.append(row);
    if (detail) ordered.append(detail);
  }
  body.append(ordered);
  for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = element("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const isText = [...table.tBodies[0].rows].some((row) => typeof valueOf(row, column) === "string");
      const first = isText ? 1 : -1;
      sort(table, column, before === null ? first : before === "ascending" ? -1 : 1);
    });
  });
}
