"use strict";
// What the critics said of an item: verdicts by order, and their whole answers.

/** Verdicts of all critics in all orders; a cell chooses the order that is shown. */
function verdictTable(table, item, slot, critics) {
  const slots = range(table.starts[item], table.starts[item + 1]);
  const isSingle = slots.length === 1 && critics.length === 1;
  if (isSingle) return null;
  const rows = table.runs.map((run, index) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, critics[index]),
      slots.map((other) =>
        el(
          "td",
          {},
          el(
            "button",
            {
              type: "button",
              class: "order-cell",
              "aria-pressed": String(other === slot),
              "aria-label": `Order ${slotName(table, other)}, ${critics[index]}: ${table.verdicts.text[run.verdict[other]] || "not judged"}`,
              on: { click: () => chooseOrder(table, other) },
            },
            chip(table, run, other),
          ),
        ),
      ),
      el("td", { class: "flip-cell" }, flipWords(run.flip[item])),
    ),
  );
  return el(
    "div",
    { class: "wide" },
    el(
      "table",
      { class: "verdicts" },
      // A single order has nothing to choose from.
      el(
        "thead",
        { hidden: slots.length === 1 },
        el(
          "tr",
          {},
          el("td", {}),
          slots.map((other) =>
            el(
              "th",
              { scope: "col" },
              el(
                "button",
                {
                  type: "button",
                  class: "order",
                  "aria-pressed": String(other === slot),
                  on: { click: () => chooseOrder(table, other) },
                },
                slotName(table, other),
              ),
            ),
          ),
          el("td", {}),
        ),
      ),
      el("tbody", {}, rows),
    ),
  );
}

function chooseOrder(table, slot) {
  State.change({ shown: slotName(table, slot) }, false);
}

function flipWords(flip) {
  if (flip === Flip.same) return el("span", { class: "words" }, "the same in all orders");
  if (flip === Flip.flips)
    return [
      el("span", { class: "flip", "aria-hidden": "true" }, "⇄ "),
      el("span", { class: "words" }, "the orders contradict"),
    ];
  if (flip === Flip.unknown) return el("span", { class: "words" }, "an order has no verdict");
  return "";
}

/** The answer of one critic in one order. */
function answer(table, run, slot, found, critic, prompt) {
  const code = run.verdict[slot];
  if (!found)
    return el(
      "section",
      { class: "answer" },
      answerHead(critic, null),
      el("p", { class: "faint" }, "This run has no judgment of the item in this order."),
    );
  return el(
    "section",
    { class: "answer" },
    answerHead(critic, chip(table, run, slot), verdictWords(table, run, slot)),
    whatWasSaid(found),
    el("p", { class: "facts" }, facts(table, code, found)),
    found.logprobs.length ? logprobs(found.logprobs) : null,
    prompt ? el("details", {}, el("summary", {}, "Prompt"), el("pre", { class: "prompt" }, prompt)) : null,
  );
}

/** What a critic said: rewards, the members of a jury, several draws, or one answer. */
function whatWasSaid(found) {
  if (found.rewards.length) return rewards(found.rewards);
  if (found.members.length) return members(found.members);
  return found.draws.length ? draws(found.draws) : said(found.raw);
}

/** Several answers to one prompt, of which the verdict was pooled. */
function draws(texts) {
  const parts = texts.map((text, index) =>
    el("details", {}, el("summary", {}, `Draw ${index + 1}`), el("pre", { class: "raw" }, text)),
  );
  return el("ul", { class: "members" }, parts.map((part) => el("li", {}, part)));
}

/** An answer in text, with the part marked that the parser read. */
function said([before, read, after]) {
  if (!before && !read && !after) return el("p", { class: "faint" }, "The answer is empty.");
  return el("pre", { class: "raw" }, before, read ? el("mark", {}, read) : null, after);
}

/** What each member of a jury said: its verdict, and its answer where it gave one in text. */
function members(all) {
  const parts = all.map(({ critic, verdict, text }) => {
    const head = [el("span", { class: "who" }, critic), ` ${verdict}`];
    return text ? el("details", {}, el("summary", {}, head), el("pre", { class: "raw" }, text)) : head;
  });
  return el(
    "ul",
    { class: "members" },
    parts.map((part) => el("li", {}, part)),
  );
}

/** What a reward head gave each response, by its letter. */
function rewards(values) {
  const rows = values.map((value, index) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, String.fromCharCode(65 + index)),
      el("td", { class: "value" }, known(value, (one) => one.toFixed(3))),
    ),
  );
  return el("table", { class: "logprobs rewards" }, el("caption", {}, "Rewards"), el("tbody", {}, rows));
}

function answerHead(critic, mark, said) {
  return el("h3", {}, el("span", { class: "who" }, critic), mark, said ? el("span", { class: "faint" }, said) : null);
}

/** A verdict in words, with where the preferred response was shown. */
function verdictWords(table, run, slot) {
  const code = run.verdict[slot];
  const kind = table.verdicts.kind[code];
  if (kind === "invalid") return table.reasons[run.reason[slot] - 1];
  const text = table.verdicts.text[code];
  const order = table.orders[table.order[slot]];
  const where = kind === "preference" && text !== "tie" ? `, shown ${["first", "second"][order.indexOf(text[0])]}` : "";
  return words(kind, text) + where;
}

function facts(table, code, found) {
  const parts = [
    whatWasRead(table.verdicts.kind[code] === "invalid", found),
    found.confidence === null ? null : `confidence ${(100 * found.confidence).toFixed(0)} %`,
    `protocol ${found.protocol}`,
    found.tokens === null ? null : `${number.format(found.tokens)} tokens`,
    found.seconds === null ? null : `${found.seconds.toFixed(2)} s`,
  ];
  return parts.filter(Boolean).join(" · ");
}

function whatWasRead(isInvalid, found) {
  if (found.members.length) return `Pooled of what ${found.members.length} members of a jury said`;
  if (found.rewards.length) return "The verdict was read off the rewards";
  if (found.isElicited) return "The answer states no verdict; it is what the critic was likeliest to say next";
  if (found.draws.length) return `Pooled of ${found.draws.length} draws`;
  if (found.raw[1]) return "The marked part is what the parser read";
  return isInvalid ? "The parser found no verdict to read" : "The verdict was not read from a part of this text";
}

/** Log-probabilities of the alternatives, with the probabilities that they come to. */
function logprobs(pairs) {
  const order = (value) => value ?? -Infinity;
  const most = Math.max(...pairs.map(([, value]) => order(value)));
  const likely = [...pairs].sort((a, b) => (order(b[1]) > order(a[1]) ? 1 : -1)).slice(0, 12);
  const rows = likely.map(([name, value]) => {
    const line = el("span", { class: "bar-line" });
    line.style.setProperty("--share", String(value === null ? 0 : Math.exp(value - most)));
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", { class: "value" }, known(value, (one) => one.toFixed(3))),
      el("td", { class: "value" }, known(value, (one) => `${(100 * Math.exp(one)).toFixed(1)} %`)),
      el("td", { class: "line" }, line),
    );
  });
  const more =
    pairs.length > likely.length ? el("caption", {}, `The ${likely.length} likeliest of ${pairs.length}`) : null;
  return el(
    "table",
    { class: "logprobs" },
    more,
    el(
      "thead",
      {},
      el("tr", {}, el("td", {}), el("th", {}, "log-probability"), el("th", {}, "probability"), el("td", {})),
    ),
    el("tbody", {}, rows),
  );
}
