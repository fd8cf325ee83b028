"use strict";
// The list of items. Only the rows in sight are in the page, so that its length costs nothing.

const ROW = 40;
const MOST_CHIPS = 2;

/** A list in `parent`; `show(table, items, state)` sets what it holds. */
function makeList(parent) {
  const head = el("div", { class: "list-head", "aria-hidden": "true" });
  const space = el("div", { class: "rows", role: "list", "aria-label": "Items" });
  const scroller = el("div", { class: "scroller", tabindex: "-1" }, space);
  let shown = { table: null, items: new Uint32Array(0), state: {}, base: "" };
  let frame = 0;
  fill(parent, head, scroller);
  const later = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  };
  scroller.addEventListener("scroll", later, { passive: true });
  new ResizeObserver(later).observe(scroller);

  function draw() {
    const { table, items, state } = shown;
    if (!table) return;
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - 8);
    const last = Math.min(items.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + 8);
    const rows = [];
    for (let at = first; at < last; at++) rows.push(itemRow(table, items[at], at, items.length, state));
    space.replaceChildren(...rows);
  }

  return {
    show(table, items, state, critics) {
      const isOther = shown.table !== table;
      shown = { table, items, state };
      parent.dataset.runs = table.runs.length;
      parent.dataset.chips = Math.min(MOST_CHIPS, mostSlots(table));
      if (isOther) {
        fill(head, headCells(table, shortNames(critics)));
        scroller.scrollTop = 0;
      }
      space.style.height = `${items.length * ROW}px`;
      scroller.hidden = items.length === 0;
      draw();
    },
    /** Bring a row into sight, by its place in the list. */
    reveal(at) {
      const top = at * ROW;
      const { scrollTop, clientHeight } = scroller;
      if (top < scrollTop) scroller.scrollTop = top;
      else if (top + ROW > scrollTop + clientHeight) scroller.scrollTop = top + ROW - clientHeight;
      draw();
    },
  };
}

function headCells(table, critics) {
  const orders = commonOrders(table);
  return [
    el("span", { class: "cell id" }, "Item"),
    el("span", { class: "cell label" }, "Label"),
    table.runs.map((_, index) =>
      el(
        "span",
        { class: "cell said", title: critics[index] },
        el("span", { class: "critic" }, table.runs.length > 1 ? critics[index] : "Verdict"),
        orders.length > 1
          ? el(
              "span",
              { class: "orders" },
              orders.map((order) => el("span", {}, order)),
            )
          : null,
      ),
    ),
  ];
}

/** Critics without the owner of their checkpoint, where that still tells them apart. */
function shortNames(critics) {
  const short = critics.map((critic) => critic.slice(critic.lastIndexOf("/", critic.search(/ |$/)) + 1));
  return new Set(short).size === short.length ? short : critics;
}

/** The orders in which all items were shown, for the head of the columns; none where they differ. */
function commonOrders(table) {
  const width = Math.min(MOST_CHIPS, mostSlots(table));
  const found = [];
  for (let at = 0; at < width; at++) {
    const order = table.order[table.starts[0] + at];
    for (let item = 0; item < table.nItems; item++) {
      const slot = table.starts[item] + at;
      if (slot < table.starts[item + 1] && table.order[slot] !== order) return [];
    }
    found.push(table.orders[order]);
  }
  return found;
}

function mostSlots(table) {
  let most = 0;
  for (let item = 0; item < table.nItems; item++) most = Math.max(most, table.starts[item + 1] - table.starts[item]);
  return most;
}

function itemRow(table, item, at, n, state) {
  const slots = range(table.starts[item], table.starts[item + 1]);
  const id = table.ids[item];
  const link = el(
    "a",
    {
      href: State.address({ ...state, ...itemState(table, item) }),
      "aria-current": isItem(table, item, state) ? "true" : null,
      data: { item },
    },
    el("span", { class: "cell id", title: id }, id),
    el("span", { class: "cell label", title: labelWords(table, item) }, table.labels.text[table.label[item]] || "–"),
    table.runs.map((run) =>
      el(
        "span",
        { class: "cell said" },
        slots.slice(0, MOST_CHIPS).map((slot) => chip(table, run, slot)),
        slots.length > MOST_CHIPS ? el("span", { class: "more" }, `+${slots.length - MOST_CHIPS}`) : null,
        run.flip[item] === Flip.flips
          ? el("span", { class: "flip", title: "The orders contradict each other" }, "⇄")
          : null,
      ),
    ),
  );
  const row = el("div", { class: "row", role: "listitem", "aria-setsize": n, "aria-posinset": at + 1 }, link);
  row.style.transform = `translateY(${at * ROW}px)`;
  return row;
}

/** What the address holds of an item that is opened from the list. */
function itemState(table, item) {
  const times = sameBefore(table, item);
  return { item: table.ids[item], n: times ? String(times) : undefined, shown: undefined, view: undefined };
}

function isItem(table, item, state) {
  return state.item === table.ids[item] && findItem(table, state.item, Number(state.n ?? 0)) === item;
}

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
