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

const number = new Intl.NumberFormat("en-US");

/** "1 item", "1,200 items". */
function counted(n, noun) {
  return `${number.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** A figure's name as it is read: `accuracy_with_tie` as "accuracy with tie". */
function spaced(name) {
  return name.replaceAll("_", " ");
}
