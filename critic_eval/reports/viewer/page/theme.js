"use strict";
// The theme is set before the first paint, so that a dark page never flashes light.

const Theme = {
  /** Apply what was chosen before, or leave it to the system. */
  restore() {
    const chosen = Theme.read();
    if (chosen) document.documentElement.dataset.theme = chosen;
  },

  /** Whether the page is dark now, by choice or by the system. */
  isDark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  },

  toggle() {
    const theme = Theme.isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("critic-eval-theme", theme);
    } catch {
      // A page from disk may have no storage; the choice then lasts as long as the page.
    }
  },

  read() {
    try {
      const theme = localStorage.getItem("critic-eval-theme");
      return theme === "dark" || theme === "light" ? theme : null;
    } catch {
      return null;
    }
  },
};

Theme.restore();
