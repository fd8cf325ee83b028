"use strict";
// Where an exported page has its data from: scripts beside it, since a page from disk may fetch nothing.

const Exported = (() => {
  const given = new Map();
  const loading = new Map();

  return {
    /** Called by the data's scripts. */
    give(key, value) {
      given.set(key, value);
    },
    /** The value under a key, from the script that gives it. */
    load(key, path) {
      if (!loading.has(key)) {
        loading.set(
          key,
          new Promise((resolve, reject) => {
            const script = document.createElement("script");
            script.src = path;
            script.onload = () => (given.has(key) ? resolve(given.get(key)) : script.onerror());
            script.onerror = () => reject(new Error(`${path} is missing or broken; export the page again.`));
            document.head.append(script);
          }),
        );
      }
      return loading.get(key);
    },
  };
})();

const Source = {
  manifest: () => Exported.load("manifest", "data/manifest.js"),
  table: (task) => Exported.load(`tables/${task}`, `data/table-${task}.js`),
  async texts(task, item) {
    const { chunk: size } = await Source.manifest(); // items in one file
    const chunk = Math.floor(item / size);
    const texts = await Exported.load(`texts/${task}/${chunk}`, `data/texts-${task}-${chunk}.js`);
    return texts[item % size];
  },
  images: async (task, item) => (await Source.texts(task, item)).images,
};
