"use strict";
// Counts that filter on click: label by verdict, and verdict by verdict; scores as scatter plots, others as grids.

/** The charts of a task, each as a figure. */
function charts(table, dims, state, fails, critics) {
  const bit = (key) => dims.findIndex((dim) => dim.key === key);
  const two = table.runs.length > 1;
  const found = [];
  const isScore = table.verdictAxis.kind === "score";
  const chart = isScore && table.labelAxis.kind === "score" ? scatter : grid;
  if (table.label.some(Boolean)) {
    table.runs.forEach((_, index) => {
      const key = index ? `verdict${index + 1}` : "verdict";
      const title = ["Label by verdict", two ? critics[index] : null];
      found.push(chart(dims, bit("label"), bit(key), state, fails, title, "label", "verdict"));
    });
  }
  if (two)
    found.push(
      (isScore ? scatter : grid)(dims, bit("verdict"), bit("verdict2"), state, fails, ["Verdict by verdict", null], ...shortNames(critics)),
    );
  if (!found.length) found.push(bars(dims, bit("verdict"), state, fails));
  return found;
}

/** A grid of two dimensions: rows downwards, columns to the right. */
function grid(dims, rowBit, columnBit, state, fails, [title, critic], rowName, columnName) {
  const rows = dims[rowBit];
  const columns = dims[columnBit];
  const counts = pairCounts(dims, rowBit, columnBit, fails);
  const width = columns.options.length;
  const cell = (row, column) => counts[row * width + column];
  const shownRows = usedOptions(rows, (row) => columns.options.some((_, column) => cell(row, column)));
  const shownColumns = usedOptions(columns, (column) => rows.options.some((_, row) => cell(row, column)));
  const most = Math.max(1, ...counts);
  const body = shownRows.map((row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, rows.options[row].text),
      shownColumns.map((column) => {
        const { isChosen, toggle } = pairFilter([rows, row], [columns, column], state);
        const n = cell(row, column);
        const button = el(
          "button",
          {
            type: "button",
            class: `count-cell${rows.options[row].value === columns.options[column].value ? " same" : ""}`,
            "aria-pressed": String(isChosen),
            "aria-label": `${rowName} ${rows.options[row].text}, ${columnName} ${columns.options[column].text}: ${number.format(n)}`,
            disabled: n === 0 && !isChosen,
            data: { key: `${rows.key} ${columns.key} ${row} ${column}` },
            on: { click: toggle },
          },
          n ? number.format(n) : "",
        );
        // By the root, so that cells of few judgments can still be told from empty ones.
        button.style.setProperty("--share", String(Math.sqrt(n / most)));
        return el("td", {}, button);
      }),
    ),
  );
  return el(
    "figure",
    { class: "chart", data: { chart: `${rows.key}-${columns.key}` } },
    el("figcaption", {}, title, critic ? el("span", { class: "whose" }, critic) : null),
    el(
      "div",
      { class: "wide" },
      el(
        "table",
        { class: shownColumns.length > 7 ? "grid dense" : "grid" },
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", { class: "corner", title: rowName }, `${rowName} ↓`),
            el("th", { class: "across", colspan: shownColumns.length }, `${columnName} →`),
          ),
          el(
            "tr",
            {},
            el("td", {}),
            shownColumns.map((column) => columnHead(columns.options[column].text)),
          ),
        ),
        el("tbody", {}, body),
      ),
    ),
  );
}

/** Whether a pair of options is filtered by, and what sets that or takes it back. */
function pairFilter([rows, row], [columns, column], state) {
  const [first, second] = [rows.options[row].value, columns.options[column].value];
  const isChosen = state[rows.key] === first && state[columns.key] === second;
  const [one, two] = isChosen ? [undefined, undefined] : [first, second];
  return { isChosen, toggle: () => State.change({ [rows.key]: one, [columns.key]: two, view: undefined }) };
}

/** The head of a column; of a bin only where it begins, since the rows beside say the rest. */
function columnHead(text) {
  return el("th", { scope: "col", title: text }, text.replace(/ to .*/, ""));
}

/** Bars of one dimension, for tasks without labels. */
function bars(dims, bit, state, fails) {
  const dim = dims[bit];
  const counts = optionCounts(dims, bit, fails);
  const most = Math.max(1, ...counts);
  const rows = usedOptions(dim, (code) => counts[code]).map((code) => {
    const option = dim.options[code];
    const isChosen = state[dim.key] === option.value;
    const button = el(
      "button",
      {
        type: "button",
        class: "bar",
        "aria-pressed": String(isChosen),
        "aria-label": `verdict ${option.text}: ${number.format(counts[code])}`,
        data: { key: `${dim.key} ${code}` },
        on: { click: () => State.change({ [dim.key]: isChosen ? undefined : option.value, view: undefined }) },
      },
      el("span", { class: "bar-name" }, option.text),
      el("span", { class: "bar-line" }),
      el("span", { class: "bar-count" }, number.format(counts[code])),
    );
    button.style.setProperty("--share", String(counts[code] / most));
    return button;
  });
  return el(
    "figure",
    { class: "chart", data: { chart: dim.key } },
    el("figcaption", {}, "Verdicts"),
    el("div", { class: "bars" }, rows),
  );
}

/** The options of an axis: its own always, what stands for none or invalid only where there are some. */
function usedOptions(dim, isUsed) {
  const extra = new Set(["none", "missing", "invalid"]);
  const codes = dim.options
    .map((_, code) => code)
    .filter((code) => !extra.has(dim.options[code].value) || isUsed(code));
  const ends = codes.filter((code) => extra.has(dim.options[code].value));
  return [...codes.filter((code) => !extra.has(dim.options[code].value)), ...ends];
}
