"use strict";
// The page of one item.

/** An item's page; texts and images come in when they are there. */
function itemPage(context, item) {
  const { table, task, state, critics, place, n } = context;
  const slot = chosenSlot(table, item, state.shown);
  const body = el("div", { class: "item-body" }, el("p", { class: "faint loading" }, "Loading …"));
  const image = el("div", { class: "image" });
  const page = el(
    "article",
    { class: "item", data: { task: context.number, item } },
    itemHead(context, item, place, n),
    el("p", { class: "facts" }, itemFacts(table, task, item)),
    verdictTable(table, item, slot, critics),
    body,
  );
  const isWanted = () => document.querySelector(`.item[data-task="${context.number}"][data-item="${item}"]`) !== null;
  const { texts, images } = loaded(context.number, item, isWanted);
  texts
    .then((texts) => {
      fill(
        body,
        question(texts, image),
        responses(table, item, slot, texts, critics),
        extras(texts),
        answers(table, slot, item, texts, critics),
      );
      return showImages(context, images(), image);
    })
    .catch((error) => fill(body, el("p", { class: "message" }, error.message)));
  return page;
}

/** The slot that the address names, else the first. */
function chosenSlot(table, item, name) {
  const slots = range(table.starts[item], table.starts[item + 1]);
  return slots.find((slot) => slotName(table, slot) === name) ?? slots[0];
}

function itemHead(context, item, place, n) {
  const step = (by, label, sign) =>
    el(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": label,
        // A disabled button would lose the focus at the ends of the list.
        "aria-disabled": place + by < 0 || place + by >= n ? "true" : null,
        on: { click: () => context.step(by) },
      },
      sign,
    );
  return el(
    "header",
    { class: "item-head" },
    el(
      "button",
      {
        type: "button",
        class: "quiet back",
        data: { key: "back" },
        on: { click: () => State.change({ item: undefined, n: undefined, shown: undefined }) },
      },
      "‹ Back",
    ),
    el("h2", { tabindex: "-1", data: { key: "heading" } }, context.table.ids[item]),
    el(
      "span",
      { class: "place" },
      place < 0 ? "not in the list" : `${number.format(place + 1)} of ${number.format(n)}`,
    ),
    el("span", { class: "steps" }, step(-1, "Previous item", "‹"), step(1, "Next item", "›")),
  );
}

function itemFacts(table, task, item) {
  const group = table.groups[table.group[item]];
  return [
    el("span", {}, task.name),
    group === null ? null : el("span", {}, group),
    el("span", { class: "label-words" }, "Label: ", el("strong", {}, labelWords(table, item))),
  ]
    .filter(Boolean)
    .flatMap((part, at) => (at ? [" · ", part] : [part]));
}

function question(texts, image) {
  const asked = texts.shown?.question;
  return el(
    "section",
    { class: "question" },
    image,
    el(
      "div",
      { class: "asked" },
      el("h3", {}, "Question"),
      el(
        "p",
        { class: "text" },
        asked ?? "These samples do not hold the question and the responses apart; see the prompt below.",
      ),
      (texts.remarks ?? []).map((remark) => el("p", { class: "faint remark" }, remark)),
    ),
  );
}

/** The responses in the order in which they were shown. */
function responses(table, item, slot, texts, critics) {
  const found = texts.shown?.responses;
  if (!found?.length) return null;
  const order = table.orders[table.order[slot]];
  const cards = [...order].map((name, position) => {
    const index = name.charCodeAt(0) - 65;
    const model = texts.models[index];
    return el(
      "section",
      { class: "response", data: { response: name } },
      el(
        "h3",
        {},
        order.length > 1 ? el("span", { class: "letter" }, name) : null,
        order.length > 1 ? el("span", { class: "position" }, `shown ${ordinal(position)}`) : "Response",
        model ? el("span", { class: "model" }, model) : null,
      ),
      el("p", { class: "text" }, found[index] ?? ""),
      el("p", { class: "tags" }, tags(table, item, slot, name, critics, order.length)),
    );
  });
  return el("div", { class: `responses n-${Math.min(cards.length, 4)}` }, cards);
}

/** What the label and each critic say of one response. */
function tags(table, item, slot, name, critics, n) {
  const kind = table.labels.kind[table.label[item]];
  // One score for several responses is that of the last one.
  const isLabeled = kind !== "score" || name === letter(n - 1);
  const said = [["label", isLabeled ? kind : "", table.labels.text[table.label[item]]]];
  table.runs.forEach((run, index) =>
    said.push([
      shortNames(critics)[index],
      table.verdicts.kind[run.verdict[slot]],
      table.verdicts.text[run.verdict[slot]],
    ]),
  );
  return said.map(([who, kind, text], at) => {
    const found = ofResponse(kind, text, name);
    return found
      ? el("span", { class: `tag ${at ? "by-critic" : "by-label"}` }, el("span", { class: "who" }, who), found)
      : null;
  });
}

function ofResponse(kind, text, name) {
  if (kind === "preference") return text[0] === name ? "better" : text === "tie" ? "equal" : null;
  if (kind === "ranking") return `${ordinal(text.indexOf(name))} best`.replace("first best", "best");
  if (kind === "score") return text;
  if (kind === "scores") return text.split(", ")[name.charCodeAt(0) - 65] ?? null;
  return null;
}

function ordinal(position) {
  return ["first", "second", "third", "fourth", "fifth", "sixth"][position] ?? `${position + 1}th`;
}

function extras(texts) {
  const parts = [
    ["reference", "Reference"],
    ["rubric", "Rubric"],
    ["context", "What the image shows, in words"],
  ];
  return parts.map(([key, title]) => {
    const text = texts.shown?.[key];
    return text ? el("section", { class: "extra" }, el("h3", {}, title), el("p", { class: "text" }, text)) : null;
  });
}

function answers(table, slot, item, texts, critics) {
  const found = texts.slots[slot - table.starts[item]];
  const first = found.find(Boolean);
  return el(
    "div",
    { class: `answers n-${found.length}` },
    // A second critic that was asked the same has no prompt of its own.
    found.map((one, index) =>
      answer(table, table.runs[index], slot, one, critics[index], one?.prompt ?? first?.prompt),
    ),
  );
}

/** Texts and images of an item; those of the last one are kept, for its other orders. */
const loaded = (() => {
  let last = null;
  return (number, item, isWanted) => {
    if (last?.number !== number || last.item !== item) {
      let images = null;
      const texts = Source.texts(number, item);
      texts.catch(() => (last = null)); // what failed is asked for again
      last = { number, item, texts, images: () => (images ??= Source.images(number, item, isWanted)) };
    }
    return last;
  };
})();

async function showImages(context, images, place) {
  fill(place, el("p", { class: "faint loading" }, "Loading the data set for its images …"));
  const found = await images;
  if (!place.isConnected) return;
  if (!found.images) {
    place.classList.add("absent");
    fill(place, el("p", { class: "faint" }, found.reason));
    return;
  }
  const shown = found.images.map((path, at) => {
    const image = el("img", {
      src: path,
      alt: `Image ${at + 1} of ${found.images.length} of the item`,
      loading: "eager",
    });
    image.addEventListener("load", () =>
      image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) < 128),
    );
    return el(
      "button",
      { type: "button", class: "zoom", "aria-label": `Enlarge image ${at + 1}`, on: { click: () => enlarge(path) } },
      image,
    );
  });
  fill(place, shown, context.task.imageRemark ? el("p", { class: "faint" }, context.task.imageRemark) : null);
}

/** Show an image as large as the window; Escape or a click closes it. */
function enlarge(path) {
  const dialog = document.getElementById("image-dialog");
  const image = el("img", { src: path, alt: "The image, enlarged" });
  image.addEventListener("load", () =>
    image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) < 128),
  );
  fill(
    dialog,
    el(
      "button",
      { type: "button", class: "quiet close", "aria-label": "Close", on: { click: () => dialog.close() } },
      "✕",
    ),
    image,
  );
  dialog.onclick = () => dialog.close();
  dialog.showModal();
}
