"use strict";
// The columns of a task, decoded, and spread to one value a slot: an item shown in one order.

const Stand = { none: 0, agrees: 1, differs: 2, noVerdict: 3, noLabel: 4 };
const Flip = { single: 0, same: 1, flips: 2, unknown: 3 };

/** A column of `columns.py` as a typed array; `atob` and typed arrays are what browsers do fastest. */
function decode(column) {
  const text = atob(column.data);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  const types = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
  return new types[column.bytes](bytes.buffer);
}

/** Values looked up by code, one a slot. */
function mapped(codes, values) {
  const found = new Uint32Array(codes.length);
  for (let at = 0; at < codes.length; at++) found[at] = values[codes[at]];
  return found;
}

/** A task as the page works with it; see `Table.to_record` for what comes in. */
function makeTable(record) {
  const starts = decode(record.starts);
  const nItems = starts.length - 1;
  const nSlots = starts[nItems];
  const itemOfSlot = new Uint32Array(nSlots);
  for (let item = 0; item < nItems; item++) itemOfSlot.fill(item, starts[item], starts[item + 1]);
  const label = decode(record.label);
  // Code 0 stands for no label, and for no judgment.
  const labels = {
    text: ["", ...record.labels.text],
    kind: ["", ...record.labels.kind],
    category: withZero(decode(record.labels.category)),
  };
  const verdicts = {
    text: ["", ...record.verdicts.text],
    kind: ["", ...record.verdicts.kind],
    category: withZero(decode(record.verdicts.category)),
    reason: withZero(decode(record.verdicts.reason)),
  };
  const invalid = record.verdictAxis.names.length + 1;
  for (let code = 1; code < verdicts.kind.length; code++) {
    if (verdicts.kind[code] === "invalid") verdicts.category[code] = invalid;
  }
  const runs = record.runs.map((run) => {
    const verdict = decode(run.verdict);
    return {
      verdict,
      agreement: decode(run.agreement),
      flip: decode(run.flip),
      category: mapped(verdict, verdicts.category),
      reason: mapped(verdict, verdicts.reason),
    };
  });
  return {
    ids: record.items,
    groups: record.groups,
    group: decode(record.group),
    label,
    labels,
    verdicts,
    reasons: record.reasons,
    starts,
    nItems,
    nSlots,
    itemOfSlot,
    labelCategory: mapped(mapped(itemOfSlot, label), labels.category),
    orders: record.orders,
    order: decode(record.order),
    runs,
    between: record.between ? decode(record.between) : null,
    labelAxis: record.labelAxis,
    verdictAxis: record.verdictAxis,
    tolerance: record.tolerance,
    search: { text: null, mask: null, lower: null },
  };
}

function withZero(codes) {
  const found = new Uint32Array(codes.length + 1);
  found.set(codes, 1);
  return found;
}

/** What a slot is called: its order, and which time where an order was judged repeatedly. */
function slotName(table, slot) {
  const item = table.itemOfSlot[slot];
  let times = 0;
  let all = 0;
  for (let other = table.starts[item]; other < table.starts[item + 1]; other++) {
    if (table.order[other] !== table.order[slot]) continue;
    all++;
    if (other <= slot) times++;
  }
  const order = table.orders[table.order[slot]];
  return all > 1 ? `${order} ${times}` : order;
}

/** The item of an id, and where several have it the one of that number; -1 where there is none. */
function findItem(table, id, which) {
  let at = -1;
  for (let times = 0; times <= which; times++) {
    at = table.ids.indexOf(id, at + 1);
    if (at < 0) return -1;
  }
  return at;
}

/** How many items before this one have its id: ids are unique within a data set alone. */
function sameBefore(table, item) {
  let times = 0;
  for (
    let at = table.ids.indexOf(table.ids[item]);
    at < item && at >= 0;
    at = table.ids.indexOf(table.ids[item], at + 1)
  )
    times++;
  return times;
}
