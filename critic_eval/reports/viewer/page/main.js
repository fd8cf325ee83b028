"use strict";
// What holds the page together: it reads the address, and shows what that says.

(() => {
  const main = document.getElementById("main");
  const detail = document.getElementById("detail");
  const list = makeList(document.getElementById("list"), openedFromList);
  const bar = makeFilterBar(document.getElementById("filters"));
  const tables = new Map();
  let manifest = null;
  let now = null;
  let isOpening = false; // an item from the list, whose page is to have the focus

  async function start() {
    try {
      manifest = await Source.manifest();
      const select = document.getElementById("task");
      fill(
        select,
        manifest.tasks.map((task) => el("option", { value: task.name }, `${task.name} (${number.format(task.items)})`)),
      );
      select.parentElement.hidden = manifest.tasks.length < 2;
      select.addEventListener("change", () => {
        const keep = { task: select.value };
        const all = Object.fromEntries(Object.keys(State.read()).map((key) => [key, undefined]));
        State.change({ ...all, ...keep });
      });
      addEventListener("hashchange", show);
      matchMedia("(max-width: 800px)").addEventListener("change", show);
      await show();
    } catch (error) {
      fail(error);
    }
  }

  /** What the critics are called in a task; two runs may differ in one task alone. */
  function criticsOf(index) {
    return manifest.tasks[index].critics ?? manifest.critics;
  }

  function showCritics(critics) {
    const short = shortNames(critics);
    const names = critics.flatMap((critic, index) => [
      index ? el("span", { class: "against" }, " and ") : null,
      el("span", { class: "full" }, critic),
      el("span", { class: "short" }, short[index]),
    ]);
    const title = critics.join(" and ");
    fill(
      document.getElementById("critics"),
      el("span", { class: "brand" }, "critic-eval"),
      el("h1", { title, class: critics.length > 1 ? "two" : "" }, names),
    );
    document.title = `${title} · critic-eval`;
  }

  function fail(error) {
    main.dataset.view = "overview";
    fill(detail, el("p", { class: "message", role: "alert" }, error.message));
  }

  async function tableOf(index) {
    if (!tables.has(index)) {
      tables.set(
        index,
        Source.table(index).then((record) => {
          const table = makeTable(record);
          return { table, dims: dimensions(table, criticsOf(index)) };
        }),
      );
    }
    return tables.get(index);
  }

  async function show() {
    try {
      const state = State.read();
      const index = Math.max(
        0,
        manifest.tasks.findIndex((task) => task.name === state.task),
      );
      document.getElementById("task").value = manifest.tasks[index].name;
      const { table, dims } = await tableOf(index);
      if (state.task !== undefined && State.read().task !== state.task) return; // another task was chosen meanwhile
      performance.mark("filter-start");
      keepFocus(() => draw(state, index, table, dims), refocus);
      if (isOpening) focusHeading();
      isOpening = false;
      performance.measure("filter", "filter-start");
      if (!performance.getEntriesByName("ready").length) performance.mark("ready");
    } catch (error) {
      fail(error);
    }
  }

  function focusHeading() {
    detail.querySelector("h2[tabindex]")?.focus({ preventScroll: true });
  }

  /** Where the focus goes from a control that is gone. */
  function refocus(place) {
    const isOpen = now.item >= 0;
    if (place === detail || place?.id === "list") {
      if (isOpen) focusHeading();
      else list.focus();
    }
  }

  /** A row was followed: by a click, or by Enter. */
  function openedFromList(link) {
    if (link.href === location.href) focusHeading();
    else isOpening = true;
  }

  function draw(state, index, table, dims) {
    const critics = criticsOf(index);
    if (now?.index !== index) showCritics(critics);
    const fails = failures(table, dims, state);
    const found = shownItems(table, fails);
    const item = state.item === undefined ? -1 : findItem(table, state.item, Number(state.n ?? 0));
    const isSame = now && now.index === index && now.item === item && now.shown === state.shown;
    now = { state, index, table, item, shown: state.shown, items: found.items };
    // What is in sight is known before it is measured and drawn.
    main.dataset.view =
      item >= 0 || state.item !== undefined ? "item" : state.view === "overview" ? "overview" : "list";
    main.dataset.runs = table.runs.length;
    bar.show(table, dims, state, fails, found);
    const place = item < 0 ? -1 : found.items.indexOf(item);
    list.show(table, found.items, state, critics, place);
    showEmpty(dims, found.items.length);
    if (place >= 0) list.reveal(place);
    if (item >= 0) {
      if (!isSame) {
        const context = {
          table,
          task: manifest.tasks[index],
          number: index,
          state,
          critics,
          place,
          n: found.items.length,
          step,
        };
        fill(detail, itemPage(context, item));
        detail.scrollTop = 0;
      } else {
        const context = { table, place, n: found.items.length, step };
        detail.querySelector(".item-head")?.replaceWith(itemHead(context, item, place, found.items.length));
      }
    } else if (state.item !== undefined) {
      fill(
        detail,
        el("p", { class: "message" }, `This task has no item ${state.item}. `),
        el(
          "button",
          { type: "button", on: { click: () => State.change({ item: undefined, n: undefined, shown: undefined }) } },
          "Back to the list",
        ),
      );
    } else {
      fill(detail, overview(manifest, manifest.tasks[index], critics, table, dims, state, fails));
    }
  }

  function showEmpty(dims, n) {
    const parent = document.getElementById("list");
    parent.querySelector(".empty")?.remove();
    if (n) return;
    parent.append(
      el(
        "div",
        { class: "empty" },
        el("p", {}, "No item passes all of these filters."),
        el("button", { type: "button", on: { click: () => State.change(noFilters(dims)) } }, "Clear the filters"),
      ),
    );
  }

  /** Go on by some items in the list. */
  function step(by) {
    if (!now || !now.items.length) return;
    // From the list, on from the row that has the focus.
    const place = now.item < 0 ? list.focused() : now.items.indexOf(now.item);
    const to = place < 0 ? 0 : Math.min(Math.max(place + by, 0), now.items.length - 1);
    const isStep = now.item < 0;
    State.change(itemState(now.table, now.items[to]), isStep);
  }

  function nextOrder() {
    if (!now || now.item < 0) return;
    const slots = range(now.table.starts[now.item], now.table.starts[now.item + 1]);
    const at = slots.indexOf(chosenSlot(now.table, now.item, now.shown));
    chooseOrder(now.table, slots[(at + 1) % slots.length]);
  }

  function close() {
    if (!now) return;
    if (now.item >= 0 || now.state.item !== undefined)
      State.change({ item: undefined, n: undefined, shown: undefined });
    else if (now.state.view) State.change({ view: undefined });
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const isTyping = event.target instanceof HTMLElement && event.target.matches("input, select, textarea");
    if (isTyping) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    // Elsewhere the arrows scroll, and move between options.
    const steps = event.target === document.body || event.target.closest?.("#list") !== null;
    if (event.key.startsWith("Arrow") && !steps) return;
    const acts = {
      j: () => step(1),
      ArrowDown: () => step(1),
      k: () => step(-1),
      ArrowUp: () => step(-1),
      o: nextOrder,
      Escape: close,
      "?": openHelp,
    };
    if (event.key === "/") document.getElementById("search").select();
    else if (Object.hasOwn(acts, event.key)) acts[event.key]();
    else return;
    event.preventDefault();
  });

  const theme = document.getElementById("theme");
  theme.addEventListener("click", Theme.toggle);
  document.getElementById("help").addEventListener("click", openHelp);
  start();
})();
