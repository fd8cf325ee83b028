"use strict";
// Making elements. Text only ever becomes a text node: what critics and data sets say is never read as HTML.

/**
 * An element. Properties are set as attributes, but for `class`, `on` (listeners by event) and `data` (data-*).
 * Children are elements or texts; null and undefined are left out.
 */
function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

/** An element of a drawing, with attributes as they stand; `on` and `data` are as in `el`. */
function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, String(value));
  }
  add(element, children);
  return element;
}

/** Append elements and texts, whatever the depth of lists. */
function add(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(typeof child === "object" ? child : String(child));
  }
}

/** Put these children in place of all others. */
function fill(parent, ...children) {
  parent.replaceChildren();
  add(parent, children);
}

const FOCUSABLE = "a, button, select, input, summary, h2, [tabindex]";

/** What tells a control from others, also after it was made anew. */
function focusKey(element) {
  return element.dataset?.key ?? element.getAttribute("aria-label") ?? `${element.tagName} ${element.textContent}`;
}

/**
 * Do what makes controls anew, and give the focus to the one that stands for the one that had it.
 * Where there is none, `orElse` is called with the part of the page that had the focus.
 */
function keepFocus(act, orElse) {
  const before = document.activeElement;
  const same = (key) => [...document.querySelectorAll(FOCUSABLE)].filter((one) => focusKey(one) === key);
  const isOnBody = !before || before === document.body;
  const key = isOnBody ? null : focusKey(before);
  const at = isOnBody ? -1 : same(key).indexOf(before);
  const place = isOnBody ? null : before.parentElement?.closest("#list, #detail, #filters");
  act();
  if (isOnBody || (before.isConnected && before.checkVisibility())) return;
  // A list keeps its own focus.
  if (document.activeElement !== document.body && document.activeElement !== before) return;
  const found = same(key)[at];
  if (found?.checkVisibility()) found.focus({ preventScroll: true });
  else orElse(place);
}

const number = new Intl.NumberFormat("en-US");

/** "1 item", "1,200 items". */
function counted(n, noun) {
  return `${number.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** A number by what writes it, and a dash for one that is not known. */
function known(value, write) {
  return typeof value === "number" && Number.isFinite(value) ? write(value) : "–";
}

/** A figure's name as it is read: `accuracy_with_tie` as "accuracy with tie". */
function spaced(name) {
  return name.replaceAll("_", " ");
}
