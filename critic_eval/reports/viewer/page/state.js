"use strict";
// What is looked at, kept in the address after #, so that it can be shared, and back and forward work.
//
// Names, not numbers, stand in it: a link still fits after the run was repeated.

const State = {
  /** All of it, as texts by key; an absent key means no filter. */
  read() {
    const found = {};
    for (const [key, value] of new URLSearchParams(location.hash.slice(1))) if (!(key in found)) found[key] = value;
    return found;
  },

  /** The address of a state; a key that is undefined is left out. */
  address(state) {
    const known = Object.entries(state).filter(([, value]) => value !== undefined && value !== null);
    return `#${new URLSearchParams(known)}`;
  },

  /** Change some keys. `isStep` makes it a step that "back" takes back. */
  change(changes, isStep = true) {
    const address = State.address({ ...State.read(), ...changes });
    if (address === (location.hash || "#")) return;
    history[isStep ? "pushState" : "replaceState"](null, "", address);
    dispatchEvent(new Event("hashchange"));
  },
};
