"use strict";
// Search and filters above the list, with how many judgments each option would leave.

/** A filter bar in `parent`; `show` sets what it holds. */
function makeFilterBar(parent) {
  const search = el("input", {
    type: "search",
    id: "search",
    placeholder: "Search item ids",
    "aria-label": "Search item ids",
    autocomplete: "off",
    spellcheck: "false",
    on: {
      input: () => State.change({ q: search.value || undefined }, false),
      keydown: (event) => {
        if (event.key !== "Escape") return;
        // Browsers may empty the box by themselves, and tell nobody; so it is done here, with the address.
        event.preventDefault();
        search.value = "";
        State.change({ q: undefined }, false);
      },
    },
  });
  const clear = el(
    "button",
    { type: "button", class: "quiet", on: { click: () => State.change(noFilters(known)) } },
    "Clear",
  );
  const selects = el("div", { class: "selects", id: "selects" });
  const toggle = () => {
    parent.classList.toggle("open");
    filters.setAttribute("aria-expanded", String(parent.classList.contains("open")));
  };
  const filters = el(
    "button",
    {
      type: "button",
      class: "quiet narrow-only",
      "aria-controls": "selects",
      "aria-expanded": "false",
      on: { click: toggle },
    },
    "Filters",
  );
  const charts = el(
    "button",
    { type: "button", class: "quiet narrow-only", on: { click: () => State.change({ view: "overview" }) } },
    "Charts",
  );
  const count = el("p", { class: "count", role: "status", tabindex: "-1" });
  let known = [];
  fill(
    parent,
    el("div", { class: "search" }, search, filters, charts),
    selects,
    el("div", { class: "counts" }, count, clear),
  );

  return {
    show(table, dims, state, fails, found) {
      known = dims;
      // A key typed meanwhile must not be lost to an older state.
      if (document.activeElement !== search || !state.q) search.value = state.q ?? "";
      fill(selects, filterGroups(table, dims, state, fails));
      const unit = table.runs.length > 1 ? "pair of judgments" : "judgment";
      const judged =
        number.format(found.slots) +
        (found.slots === 1 ? ` ${unit}` : unit === "judgment" ? " judgments" : " pairs of judgments");
      count.textContent = `${number.format(found.items.length)} of ${counted(table.nItems, "item")} · ${judged}`;
      const set = dims.filter((dim) => state[dim.key] !== undefined).length;
      filters.textContent = set ? `Filters (${set})` : "Filters";
      const isClear = !set && !state.q;
      if (isClear && document.activeElement === clear) count.focus(); // the button goes, and would take the focus along
      clear.hidden = isClear;
    },
  };
}

/** The change of state that takes all filters back. */
function noFilters(dims) {
  return Object.fromEntries([...dims.map((dim) => [dim.key, undefined]), ["q", undefined]]);
}

function filterGroups(table, dims, state, fails) {
  const groups = new Map();
  dims.forEach((dim, bit) => {
    const options = optionsOf(dim, optionCounts(dims, bit, fails), state[dim.key], table);
    if (!options) return;
    const name = dim.critic ?? "";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(filterField(dim, options, state[dim.key]));
  });
  return [...groups].map(([critic, fields]) =>
    el(
      "fieldset",
      {},
      critic ? el("legend", { title: critic }, critic) : el("legend", { class: "unseen" }, "Items"),
      el("div", { class: "fields" }, fields),
    ),
  );
}

/** The options that the task has at all, or null where there is nothing to choose. */
function optionsOf(dim, counts, wanted, table) {
  dim.totals ??= optionCounts([dim], 0, new Uint32Array(table.nSlots));
  const seen = new Set();
  const options = [];
  dim.options.forEach((option, code) => {
    const isLeftOut =
      (dim.hidesFirst && code === 0) || (!dim.totals[code] && option.value !== wanted) || seen.has(option.value);
    if (isLeftOut) return;
    seen.add(option.value);
    options.push({ ...option, count: counts[code] });
  });
  const isChosen = wanted !== undefined;
  if (isChosen && !options.some((option) => option.value === wanted))
    options.push({ value: wanted, text: wanted, count: 0 });
  return options.length > (dim.hidesFirst ? 0 : 1) || isChosen ? options : null;
}

function filterField(dim, options, wanted) {
  const select = el(
    "select",
    {
      class: wanted === undefined ? "" : "chosen",
      data: { key: dim.key },
      on: {
        change: () => {
          const option = select.selectedIndex ? options[select.selectedIndex - 1].value : undefined;
          State.change({ [dim.key]: option });
        },
      },
    },
    el("option", {}, "all"),
    options.map((option) =>
      el("option", { selected: option.value === wanted }, `${option.text} (${number.format(option.count)})`),
    ),
  );
  return el("label", { class: "field" }, el("span", {}, dim.name), select);
}
