"use strict";
// Where the page has its data from: the server that it came from. source_export.js is the other one.

const Source = (() => {
  async function get(path) {
    let answer;
    try {
      answer = await fetch(path);
    } catch {
      throw new Error("The viewer does not answer any more; start it again with the same command.");
    }
    if (!answer.ok) throw new Error(`The viewer has nothing under ${path} (${answer.status}).`);
    const value = await answer.json();
    if (value.error) throw new Error(value.error);
    return value;
  }

  const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

  return {
    /** Critics, tasks and their figures. */
    manifest: () => get("data/manifest.json"),
    /** The columns of a task. */
    table: (task) => get(`data/tables/${task}.json`),
    /** The texts of an item. */
    texts: (task, item) => get(`data/texts/${task}/${item}.json`),
    /** `{images: [url]}` or `{reason}`; asks again while a data set is loaded, as long as `isWanted` says so. */
    async images(task, item, isWanted) {
      for (;;) {
        const found = await get(`data/images/${task}/${item}.json`);
        if (!found.loading) return found;
        await pause(500);
        if (!isWanted()) return { reason: "The images were not loaded." };
      }
    },
  };
})();
