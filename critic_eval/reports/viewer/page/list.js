"use strict";
// The list of items. Only the rows in sight are in the page, so that its length costs nothing.

const ROW = 40;
const MOST_CHIPS = 2;

/**
 * A list in `parent`; `show` sets what it holds, and `opened(link)` is called when a row is followed.
 * For the keyboard it is one stop: Tab goes to one row, and on to what comes after the list.
 */
function makeList(parent, opened) {
  const head = el("div", { class: "list-head", "aria-hidden": "true" });
  const space = el("div", { class: "rows", role: "list", "aria-label": "Items" });
  const scroller = el("div", { class: "scroller", tabindex: "-1" }, space);
  const rows = new Map(); // by place; a row in sight stays the same element, so that it keeps the focus
  let shown = { table: null, items: new Uint32Array(0), state: {}, critics: [] };
  let columns = null;
  let stop = 0; // the place that Tab goes to
  fill(parent, head, scroller);
  scroller.addEventListener("scroll", later(draw), { passive: true });
  new ResizeObserver(later(resized)).observe(scroller);
  space.addEventListener("focusin", (event) => moveStop(placeOf(event.target)));
  space.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    const isElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey; // a new tab or window
    if (link && !isElsewhere) opened(link);
  });

  /** What does something once before the next frame, however often it is asked to. */
  function later(act) {
    let frame = 0;
    return () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        act();
      });
    };
  }

  /** Another height needs other rows, another width also other columns. */
  function resized() {
    if (shown.table && listColumns(shown.table, parent.clientWidth || innerWidth) !== columns) redraw();
    else draw();
  }

  function placeOf(element) {
    return Number(element.closest(".row").getAttribute("aria-posinset")) - 1;
  }

  function moveStop(to) {
    rows.get(stop)?.firstChild.setAttribute("tabindex", "-1");
    stop = to;
    rows.get(stop)?.firstChild.setAttribute("tabindex", "0");
  }

  /** The places in sight, and the one that Tab goes to. */
  function wantedPlaces() {
    const n = shown.items.length;
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - 8);
    const last = Math.min(n, Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + 8);
    const places = range(first, Math.max(first, last));
    if (stop < first) places.unshift(stop);
    else if (stop >= last && stop < n) places.push(stop);
    return places;
  }

  /** Make the rows that came into sight, and take out those that left it. */
  function draw() {
    const { table, items, state } = shown;
    if (!table) return;
    const places = wantedPlaces();
    const wanted = new Set(places);
    for (const [place, row] of rows) {
      if (wanted.has(place)) continue;
      row.remove();
      rows.delete(place);
    }
    let next = space.firstChild;
    for (const place of places) {
      const row = rows.get(place);
      if (row) next = row.nextSibling;
      else {
        const made = itemRow(table, items[place], place, items.length, state, columns);
        made.firstChild.setAttribute("tabindex", place === stop ? "0" : "-1");
        rows.set(place, made);
        space.insertBefore(made, next);
      }
    }
  }

  /** Make all rows anew; the focus stays in the list where it was there. */
  function redraw() {
    const { table, critics } = shown;
    if (!table) return;
    const hadFocus = space.contains(document.activeElement);
    columns = listColumns(table, parent.clientWidth || innerWidth);
    parent.dataset.runs = table.runs.length;
    parent.dataset.orders = String(columns.hasOrders);
    parent.dataset.tight = String(columns.isTight);
    parent.style.setProperty("--chip", `${columns.chip}px`);
    parent.style.setProperty("--label", `${columns.label}px`);
    parent.style.setProperty("--said", `${columns.said}px`);
    fill(head, headCells(table, shortNames(critics), columns.chips));
    rows.clear();
    space.replaceChildren();
    draw();
    if (hadFocus) focusStop();
  }

  function focusStop() {
    rows.get(stop)?.firstChild.focus({ preventScroll: true });
  }

  return {
    show(table, items, state, critics, place) {
      const isOther = shown.table !== table;
      shown = { table, items, state, critics };
      space.style.height = `${items.length * ROW}px`;
      scroller.hidden = items.length === 0;
      if (isOther) scroller.scrollTop = 0;
      const wanted = place >= 0 ? place : isOther ? 0 : stop;
      stop = Math.max(0, Math.min(wanted, items.length - 1));
      redraw();
    },
    /** Bring a row into sight, by its place in the list. */
    reveal(at) {
      const top = at * ROW;
      const { scrollTop, clientHeight } = scroller;
      if (top < scrollTop) scroller.scrollTop = top;
      else if (top + ROW > scrollTop + clientHeight) scroller.scrollTop = top + ROW - clientHeight;
      draw();
    },
    /** Give the focus to the row that Tab goes to. */
    focus: focusStop,
    /** The place of the row that has the focus, or -1. */
    focused: () => (space.contains(document.activeElement) ? stop : -1),
  };
}

/** How wide the columns are in pixels, and how many verdicts of an item have room in one; measured once a width. */
function listColumns(table, width) {
  table.columns ??= new Map();
  if (!table.columns.has(width)) table.columns.set(width, measuredColumns(table, width));
  return table.columns.get(width);
}

function measuredColumns(table, width) {
  const runs = table.runs.length;
  const most = mostSlots(table);
  const isTight = runs > 1 && width < 500;
  const hasOrders = most > 1;
  const label = Math.min(Math.max(isTight ? 31 : 42, longestText(table.labels) + 4), 96);
  const room = (width - label - (isTight ? 122 : 150)) / runs; // what label, id and margins leave
  const [gap, flip, more] = isTight ? [3, 12, 20] : [5, 16, 24];
  const wanted = Math.max(isTight ? 40 : 53, longestText(table.verdicts) + (isTight ? 21 : 34));
  const said = (chips, chip) => chips * (chip + gap) + (hasOrders ? flip + gap : 0) + (most > chips ? more : 0);
  const chips = most > 1 && said(MOST_CHIPS, wanted) <= room ? MOST_CHIPS : 1;
  const chip = Math.min(wanted, Math.max(40, room - said(1, 0)));
  return { chips, chip, said: said(chips, chip), label, hasOrders, isTight };
}

/** How wide the longest of some verdicts or labels is written, in pixels. */
function longestText({ text: texts, kind }) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `14px ${getComputedStyle(document.body).fontFamily}`;
  let longest = 0;
  texts.forEach((text, code) => {
    if (kind[code] !== "invalid") longest = Math.max(longest, pen.measureText(text).width);
  });
  return Math.ceil(longest);
}

function headCells(table, critics, chips) {
  const orders = commonOrders(table, chips);
  return [
    el("span", { class: "cell id" }, "Item"),
    el("span", { class: "cell label" }, "Label"),
    table.runs.map((_, index) =>
      el(
        "span",
        { class: "cell said", title: critics[index] },
        el("span", { class: "critic" }, table.runs.length > 1 ? critics[index] : "Verdict"),
        orders.length && mostSlots(table) > 1
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
function commonOrders(table, width) {
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
  if (table.mostSlots === undefined) {
    let most = 0;
    for (let item = 0; item < table.nItems; item++) most = Math.max(most, table.starts[item + 1] - table.starts[item]);
    table.mostSlots = most;
  }
  return table.mostSlots;
}

function itemRow(table, item, at, n, state, { chips, hasOrders }) {
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
        // Before the verdicts, where nothing can push it out of sight.
        hasOrders ? flipMark(run.flip[item] === Flip.flips) : null,
        slots.slice(0, chips).map((slot) => chip(table, run, slot)),
        slots.length > chips ? el("span", { class: "more" }, `+${slots.length - chips}`) : null,
      ),
    ),
  );
  const row = el("div", { class: "row", role: "listitem", "aria-setsize": n, "aria-posinset": at + 1 }, link);
  row.style.transform = `translateY(${at * ROW}px)`;
  return row;
}

function flipMark(flips) {
  return flips
    ? el("span", { class: "flip", title: "The orders contradict each other" }, "⇄")
    : el("span", { class: "flip" });
}

/** What the address holds of an item that is opened from the list. */
function itemState(table, item) {
  const times = sameBefore(table, item);
  return { item: table.ids[item], n: times ? String(times) : undefined, shown: undefined, view: undefined };
}

function isItem(table, item, state) {
  return state.item === table.ids[item] && findItem(table, state.item, Number(state.n ?? 0)) === item;
}
