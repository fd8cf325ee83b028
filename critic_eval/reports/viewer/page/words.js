"use strict";
// Verdicts and labels, as chips and in words.

const MARKS = { 1: ["✓", "agrees with the label"], 2: ["✗", "differs from the label"], 3: ["", "no verdict"] };

/** A verdict with a mark that says in another way than by color how it stands to the label. */
function chip(table, run, slot) {
  const code = run.verdict[slot];
  if (!code) return el("span", { class: "chip none", title: "not judged" }, "–");
  const isInvalid = table.verdicts.kind[code] === "invalid";
  const stand = isInvalid ? Stand.noVerdict : run.agreement[slot];
  const [mark, meaning] = MARKS[stand] ?? ["", "no label to hold it against"];
  const why = isInvalid ? `: ${table.reasons[run.reason[slot] - 1]}` : "";
  const names = ["", "agrees", "differs", "invalid", ""];
  return el(
    "span",
    {
      class: `chip ${names[stand] ?? ""}`,
      title: `${slotName(table, slot)}: ${table.verdicts.text[code]}, ${meaning}${why}`,
    },
    el("span", { class: "what" }, table.verdicts.text[code]),
    // "invalid" says by itself what a mark would say.
    mark ? el("span", { class: "mark", "aria-label": meaning }, mark) : null,
  );
}

/** A label in words. */
function labelWords(table, item) {
  const code = table.label[item];
  if (!code) return "no label";
  return words(table.labels.kind[code], table.labels.text[code]);
}

/** A verdict or label in words. */
function words(kind, text) {
  if (kind === "preference")
    return text === "tie"
      ? "both are equally good"
      : `${text.replace(" (much)", "")} is ${text.includes("much") ? "much " : ""}better`;
  if (kind === "ranking") return [...text].join(" > ");
  if (kind === "score") return `${text} points`;
  if (kind === "scores")
    return text
      .split(", ")
      .map((score, at) => `${letter(at)}: ${score}`)
      .join(", ");
  return "no verdict";
}

function letter(index) {
  return String.fromCharCode(65 + index);
}

function range(start, end) {
  return Array.from({ length: end - start }, (_, at) => start + at);
}
