// Searching, and the curves of one class; it follows tables.js in the same script.

const SVG = "http://www.w3.org/2000/svg";
const SHARES = [0, 0.2, 0.4, 0.6, 0.8, 1];
const WIDTH = 360, HEIGHT = 290, LEFT = 50, RIGHT = 348, TOP = 12, BOTTOM = 246;

function drawn(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// --- one class ---

const details = JSON.parse(document.getElementById("details").textContent);
const classes = document.getElementById("classes");
const rows = [...classes.tBodies[0].rows];

rows.forEach((row, index) => {
  const head = row.cells[0];
  const button = element("button", { type: "button", "aria-expanded": "false" }, ...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) {
      row.nextElementSibling.remove();
    } else {
      const cell = element("td", { colspan: row.cells.length }, panel(index));
      row.after(element("tr", { class: "detail" }, cell));
    }
  });
});

function panel(index) {
  const found = details.classes[index];
  const name = details.names[index];
  const negatives = found.judged - found.positives;
  const [precision, recall] = [found.metrics.precision[0], found.metrics.recall[0]];
  const hits = recall === null ? null : Math.round(recall * found.positives);
  const threshold = details.task === "multilabel" ? found.threshold : null;
  const figures = element("div", { class: "figures" });
  if (found.pr[0].length) {
    const mark = found.predicted ? [recall, precision] : null;
    const plot = curve(found.pr, "recall", "precision", mark, false, `precision-recall curve of ${name}`);
    figures.append(figure(plot, `Precision and recall. AP ${shown(found.metrics.AP)}.`));
  }
  if (found.roc[0].length) {
    const mark = [(found.predicted - hits) / negatives, recall];
    const plot = curve(found.roc, "false positive rate", "true positive rate", mark, true, `ROC curve of ${name}`);
    figures.append(figure(plot, `ROC. AUC ${shown(found.metrics.AUC)}.`));
  }
  const caption = element("span", {}, "Scores of clips ", element("span", { class: "first" }, "with"), ` the class (${
    number(found.positives)}) and `, element("span", { class: "grey" }, "without"), ` it (${number(negatives)}), each as a share of its own.`);
  figures.append(figure(histogram(found.scores, threshold, `scores of ${name}`), caption));
  const about = `${number(found.positives)} clips, predicted in ${number(found.predicted)}. The orange mark is the ${
    details.task === "multilabel" ? `threshold ${format(threshold)}` : "decision by the highest score"}.`;
  return element("div", { class: "panel" }, element("h3", {}, name), figures, element("p", {}, about),
    metricList(found.metrics), ...confusions(found));
}

function metricList(metrics) {
  const list = element("dl", { class: "facts" });
  for (const [name, values] of Object.entries(metrics)) {
    list.append(element("div", {}, element("dt", {}, name.replace("d_prime", "d′")), element("dd", {}, shown(values))));
  }
  return list;
}

function confusions(found) {
  const multilabel = details.task === "multilabel";
  const sentences = [
    [multilabel ? "Its clips also raised false alarms of: " : "Its clips were taken for: ", found.taken_for],
    [multilabel ? "Its false alarms came in clips of: " : "Taken for it were clips of: ", found.taken_from],
  ];
  return sentences.filter(([, pairs]) => pairs.length).map(([text, pairs]) =>
    element("p", {}, text + pairs.map(([other, count]) => `${details.names[other]} (${number(count)})`).join("; ") + "."));
}

function figure(drawing, caption) {
  return element("figure", {}, drawing, element("figcaption", {}, caption));
}

const number = (count) => count.toLocaleString("en");

function format(value) {
  return value === null || value === undefined ? "—" : value.toFixed(3);
}

function shown([value, low, high]) {
  return low === undefined || low === null ? format(value) : `${format(value)} (${format(low)} to ${format(high)})`;
}

// --- drawing ---

const across = (share) => LEFT + share * (RIGHT - LEFT);
const up = (share) => BOTTOM - share * (BOTTOM - TOP);

function axes(xLabel, yLabel, about, high = 1) {
  const svg = drawn("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": about });
  for (const share of SHARES) {
    svg.append(
      drawn("path", { class: "grid", d: `M${across(share)} ${TOP}V${BOTTOM}M${LEFT} ${up(share)}H${RIGHT}` }),
      drawn("text", { x: across(share), y: BOTTOM + 16, "text-anchor": "middle" }, share),
      drawn("text", { x: LEFT - 7, y: up(share) + 4, "text-anchor": "end" }, +(share * high).toFixed(3)),
    );
  }
  const middle = (TOP + BOTTOM) / 2;
  svg.append(
    drawn("path", { class: "axis", d: `M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}` }),
    drawn("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 36, "text-anchor": "middle" }, xLabel),
    drawn("text", { transform: `translate(13 ${middle}) rotate(-90)`, "text-anchor": "middle" }, yLabel),
  );
  return svg;
}

function curve([xs, ys], xLabel, yLabel, mark, diagonal, about) {
  const svg = axes(xLabel, yLabel, about);
  if (diagonal) svg.append(drawn("path", { class: "line guide", d: `M${LEFT} ${BOTTOM}L${RIGHT} ${TOP}` }));
  const points = xs.map((x, place) => `${across(x / 1000).toFixed(1)} ${up(ys[place] / 1000).toFixed(1)}`);
  svg.append(drawn("path", { class: "line first", d: `M${points.join("L")}` }));
  if (points.length === 1) {
    svg.append(drawn("circle", { class: "dot first", cx: across(xs[0] / 1000), cy: up(ys[0] / 1000), r: 4 }));
  }
  if (mark && mark.every(Number.isFinite)) {
    svg.append(drawn("circle", { class: "mark", cx: across(mark[0]), cy: up(mark[1]), r: 5 }));
  }
  return svg;
}

function histogram(counts, threshold, about) {
  const bins = counts[0].length;
  const shares = counts.map((series) => {
    const total = series.reduce((sum, count) => sum + count, 0) || 1;
    return series.map((count) => count / total);
  });
  const high = [0.1, 0.25, 0.5].find((limit) => limit >= Math.max(...shares.flat())) ?? 1;
  const svg = axes("score", "share of clips", about, high);
  shares.forEach((series, kind) => {
    series.forEach((share, bin) => {
      if (!share) return;
      const height = Math.max(share / high, 0.006);
      const left = across((bin + 0.1 + 0.4 * kind) / bins);
      svg.append(drawn("rect", {
        class: `bar ${kind === 0 ? "first" : "second"}`, x: left, width: (0.4 / bins) * (RIGHT - LEFT),
        y: up(height), height: BOTTOM - up(height),
      }));
    });
  });
  if (threshold !== null) svg.append(drawn("path", { class: "threshold", d: `M${across(threshold)} ${TOP}V${BOTTOM}` }));
  return svg;
}

// --- search ---

const search = document.getElementById("search");
const shownRows = document.getElementById("shown");

function filter() {
  const wanted = search.value.trim().toLocaleLowerCase("en");
  let count = 0;
  for (const row of rows) {
    const matches = row.cells[0].textContent.toLocaleLowerCase("en").includes(wanted);
    row.hidden = !matches;
    const detail = row.nextElementSibling;
    if (detail?.classList.contains("detail")) detail.hidden = !matches;
    count += matches;
  }
  shownRows.textContent = count === rows.length ? `${count} classes` : `${count} of ${rows.length} classes`;
}

search.addEventListener("input", filter);
filter();
