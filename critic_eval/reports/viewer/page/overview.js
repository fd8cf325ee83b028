"use strict";
// Figures and charts of a task: what stands beside the list while no item is open.

function overview(manifest, task, critics, table, dims, state, fails) {
  return el(
    "div",
    { class: "overview" },
    el(
      "div",
      { class: "bar-back" },
      el(
        "button",
        { type: "button", class: "quiet back", data: { key: "back" }, on: { click: () => State.change({ view: undefined }) } },
        "‹ Items",
      ),
    ),
    figuresTable(task, critics),
    el("div", { class: "charts" }, charts(table, dims, state, fails, critics)),
    el("p", { class: "faint hint" }, chartHint(table)),
    notes([...manifest.notes, ...task.notes]),
  );
}

/** Figures by critic, with their intervals. */
function figuresTable(task, critics) {
  const names = [...new Set(task.runs.flatMap((run) => run.figures.map((figure) => figure.name)))];
  const rows = names.map((name) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, spaced(name)),
      task.runs.map((run) => {
        const figure = run.figures.find((one) => one.name === name);
        return el("td", {}, figure ? figureCell(figure) : "–");
      }),
    ),
  );
  if (!rows.length) return null;
  const isTwo = critics.length > 1;
  return el(
    "table",
    { class: "figures" },
    isTwo
      ? el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("td", {}),
            critics.map((critic) => el("th", { scope: "col" }, critic)),
          ),
        )
      : null,
    el("tbody", {}, rows),
  );
}

function figureCell(figure) {
  const [value, low, high] = [figure.value, figure.low, figure.high].map((one) => known(one, (two) => two.toFixed(3)));
  const interval = low === "–" && high === "–" ? "" : `${low} to ${high}`;
  const n = typeof figure.n === "number" ? `n ${number.format(figure.n)}` : "";
  return [
    el("span", { class: "value" }, value),
    el("span", { class: "interval" }, interval),
    el("span", { class: "n" }, n),
  ];
}

function chartHint(table) {
  const unit = table.runs.length > 1 ? "pairs of judgments" : "judgments";
  const best = table.verdictAxis.kind === "ranking" ? " A ranking counts by what it puts first." : "";
  const near =
    table.verdictAxis.kind === "score" && table.tolerance
      ? ` A score agrees with a label at most ${Number(table.tolerance.toPrecision(3))} away.`
      : "";
  return `Numbers are ${unit}, under the filters that are set. Click one to list its items, and again to take that back.${best}${near}`;
}

function notes(texts) {
  if (!texts.length) return null;
  return el(
    "section",
    { class: "notes" },
    el("h2", {}, "Notes"),
    el(
      "ul",
      {},
      texts.map((text) => el("li", {}, text)),
    ),
  );
}
