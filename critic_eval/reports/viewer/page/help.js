"use strict";
// Keys and meanings of the marks.

const KEYS = [
  ["j, or ↓ in the list", "next item"],
  ["k, or ↑ in the list", "previous item"],
  ["o", "the next order of the item"],
  ["/", "search item ids"],
  ["Escape", "close what is open, or empty the search"],
  ["?", "this help"],
];
const MEANINGS = [
  ["✓", "the verdict agrees with the label"],
  ["✗", "the verdict differs from the label"],
  ["invalid", "no verdict could be read; point at it for the reason"],
  ["⇄", "the verdicts in the two orders contradict each other"],
  ["A, B, …", "responses by the data set's own order; AB and BA are the orders in which they were shown"],
];

function openHelp() {
  const dialog = document.getElementById("help-dialog");
  const list = (pairs) =>
    el(
      "dl",
      {},
      pairs.map(([sign, meaning]) => [el("dt", {}, sign), el("dd", {}, meaning)]),
    );
  fill(
    dialog,
    el(
      "header",
      {},
      el("h2", {}, "Keys"),
      el("button", { type: "button", class: "quiet", "aria-label": "Close", on: { click: () => dialog.close() } }, "✕"),
    ),
    list(KEYS),
    el("h2", {}, "Marks"),
    list(MEANINGS),
    el("p", { class: "faint" }, "The address of this page holds all filters and the open item: share it as it is."),
  );
  dialog.showModal();
}
