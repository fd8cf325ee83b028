"use strict";
// What can be filtered by, and which slots pass. Pure functions over the columns of a table.
//
// A dimension has a code for each slot. A slot is shown where every dimension that is filtered by holds the wanted code;
// an item where one of its slots is. So two filters on verdicts always speak of the same judgment.

/** The dimensions of a table: `key` in the address, name, codes, and options as `{value, text}` by code. */
function dimensions(table, critics) {
  const two = table.runs.length > 1;
  const found = [
    {
      key: "group",
      name: "Data set",
      codes: mapped(table.itemOfSlot, table.group),
      options: table.groups.map((group) => ({ value: group ?? "", text: group ?? "(none)" })),
    },
    {
      key: "label",
      name: "Label",
      codes: table.labelCategory,
      options: categories(table.labelAxis, ["none", "no label"]),
    },
  ];
  const stands = [
    { value: "missing", text: "not judged" },
    { value: "yes", text: "agrees" },
    { value: "no", text: "differs" },
    { value: "invalid", text: "no verdict" },
    { value: "unlabeled", text: "no label" },
  ];
  const flips = [
    { value: "single", text: "one order only" },
    { value: "no", text: "same in all orders" },
    { value: "yes", text: "orders contradict" },
    { value: "invalid", text: "an order without a verdict" },
  ];
  table.runs.forEach((run, index) => {
    const suffix = index ? String(index + 1) : "";
    const critic = two ? critics[index] : null;
    const verdicts = [
      ...categories(table.verdictAxis, ["missing", "not judged"]),
      { value: "invalid", text: "invalid" },
    ];
    const reasons = [{ value: "", text: "" }, ...table.reasons.map((reason) => ({ value: reason, text: reason }))];
    found.push(
      { key: `verdict${suffix}`, name: "Verdict", critic, codes: run.category, options: verdicts },
      { key: `agree${suffix}`, name: "Agreement", critic, codes: run.agreement, options: stands },
      { key: `flip${suffix}`, name: "Orders", critic, codes: mapped(table.itemOfSlot, run.flip), options: flips },
      {
        key: `reason${suffix}`,
        name: "Invalid because",
        critic,
        codes: run.reason,
        options: reasons,
        hidesFirst: true,
      },
    );
  });
  if (table.between) {
    const between = [
      { value: "missing", text: "not both judged" },
      { value: "agree", text: "agree" },
      { value: "disagree", text: "disagree" },
      { value: "invalid", text: "one without a verdict" },
      { value: "missing", text: "not both judged" },
    ];
    found.push({ key: "between", name: "The two critics", codes: table.between, options: between });
  }
  return found;
}

function categories(axis, [value, text]) {
  return [{ value, text }, ...axis.names.map((name) => ({ value: name, text: name }))];
}

/** Bit by bit, which filters each slot fails; the last bit is for the search. */
function failures(table, dims, state) {
  const fails = new Uint32Array(table.nSlots);
  dims.forEach((dim, bit) => {
    const wanted = state[dim.key];
    if (wanted === undefined) return;
    const passes = Uint8Array.from(dim.options, (option) => Number(option.value === wanted));
    const { codes } = dim;
    const fault = 1 << bit;
    for (let slot = 0; slot < codes.length; slot++) if (!passes[codes[slot]]) fails[slot] |= fault;
  });
  if (state.q) {
    const mask = searchMask(table, state.q);
    const fault = 1 << dims.length;
    for (let slot = 0; slot < fails.length; slot++) if (!mask[table.itemOfSlot[slot]]) fails[slot] |= fault;
  }
  return fails;
}

/** Which items have a text in their id. */
function searchMask(table, text) {
  const { search } = table;
  if (search.text === text) return search.mask;
  search.lower ??= table.ids.map((id) => id.toLowerCase());
  const wanted = text.toLowerCase();
  search.mask = Uint8Array.from(search.lower, (id) => Number(id.includes(wanted)));
  search.text = text;
  return search.mask;
}

/** The items that are shown, in their order, and how many of their slots are. */
function shownItems(table, fails) {
  const items = new Uint32Array(table.nItems);
  let n = 0;
  let slots = 0;
  for (let item = 0; item < table.nItems; item++) {
    let passing = 0;
    for (let slot = table.starts[item]; slot < table.starts[item + 1]; slot++) if (!fails[slot]) passing++;
    if (passing) items[n++] = item;
    slots += passing;
  }
  return { items: items.subarray(0, n), slots };
}

/** How many slots each option of a dimension would leave, with all other filters as they are. */
function optionCounts(dims, bit, fails) {
  const counts = new Uint32Array(dims[bit].options.length);
  const others = ~(1 << bit);
  const { codes } = dims[bit];
  for (let slot = 0; slot < fails.length; slot++) if (!(fails[slot] & others)) counts[codes[slot]]++;
  return counts;
}

/** How many slots have each pair of options of two dimensions, with all other filters as they are. */
function pairCounts(dims, rowBit, columnBit, fails) {
  const rows = dims[rowBit];
  const columns = dims[columnBit];
  const width = columns.options.length;
  const counts = new Uint32Array(rows.options.length * width);
  const others = ~((1 << rowBit) | (1 << columnBit));
  for (let slot = 0; slot < fails.length; slot++) {
    if (!(fails[slot] & others)) counts[rows.codes[slot] * width + columns.codes[slot]]++;
  }
  return counts;
}
