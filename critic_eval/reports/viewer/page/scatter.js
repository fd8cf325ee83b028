"use strict";
// Scatter plots of scores that filter on click: a bubble for each pair of categories, its area by their count.

const FEWEST_PIXELS = 22; // of a cell, so that a finger meets it
const MOST_PIXELS = 46;

/** A plot of two dimensions of scores: the first to the right, the second upwards. */
function scatter(dims, xBit, yBit, state, fails, [title, critic], xName, yName) {
  const [x, y] = [dims[xBit], dims[yBit]];
  const counts = pairCounts(dims, xBit, yBit, fails);
  const count = (column, row) => counts[column * y.options.length + row];
  const columns = scoresAndRest(x, (column) => y.options.some((_, row) => count(column, row)));
  const rows = scoresAndRest(y, (row) => x.options.some((_, column) => count(column, row)));
  const frame = plotFrame(x, y, columns, rows);
  const most = Math.max(1, ...counts);
  const bubbles = columns.all.flatMap((column) =>
    rows.all.map((row) => {
      const filter = pairFilter([x, column], [y, row], state);
      const n = count(column, row);
      if (!n && !filter.isChosen) return null;
      const said = `${xName} ${x.options[column].text}, ${yName} ${y.options[row].text}: ${number.format(n)}`;
      return bubble(frame, frame.x(column), frame.y(row), n, most, filter, said, `${x.key} ${y.key} ${column} ${row}`);
    }),
  );
  return el(
    "figure",
    { class: "chart", data: { chart: `${x.key}-${y.key}` } },
    el("figcaption", {}, title, critic ? el("span", { class: "whose" }, critic) : null),
    el(
      "div",
      { class: "wide" },
      svg(
        "svg",
        {
          class: "scatter",
          role: "group",
          "aria-label": `${title}: ${xName} to the right, ${yName} upwards`,
          width: frame.width,
          height: frame.height,
          viewBox: `0 0 ${frame.width} ${frame.height}`,
        },
        axes(frame, x, y, columns, rows, xName, yName),
        bubbles,
      ),
    ),
  );
}

/** The codes of the scores in their order, and after them those that stand for no score, where there are any. */
function scoresAndRest(dim, isUsed) {
  const all = usedOptions(dim, isUsed);
  const isRest = (code) => ["none", "missing", "invalid"].includes(dim.options[code].value);
  return { all, scores: all.filter((code) => !isRest(code)), rest: all.filter(isRest) };
}

/** Where things stand, in pixels. What is no score stands apart from the scores: left of them, and below. */
function plotFrame(x, y, columns, rows) {
  const longest = Math.max(...rows.all.map((row) => startOf(y.options[row].text).length));
  const left = 10 + 7 * longest;
  const apart = 18;
  const isNarrow = innerWidth <= 800;
  const room = isNarrow ? innerWidth - 34 : 560;
  const restWidth = columns.rest.length ? columns.rest.length * 44 + apart : 0;
  const fitting = Math.floor((room - left - restWidth - 14) / columns.scores.length);
  const cell = Math.min(MOST_PIXELS, Math.max(FEWEST_PIXELS, fitting));
  const restCell = Math.max(cell, 44); // has its name below
  const start = left + (columns.rest.length ? columns.rest.length * restCell + apart : 0);
  const top = 28;
  const bottom = top + rows.scores.length * cell;
  const last = bottom + (rows.rest.length ? rows.rest.length * cell + apart : 0);
  return {
    cell,
    left,
    start,
    top,
    bottom,
    last,
    end: start + columns.scores.length * cell,
    width: start + columns.scores.length * cell + 14,
    height: last + 40,
    x(column) {
      const at = columns.rest.indexOf(column);
      return at >= 0 ? left + (at + 0.5) * restCell : start + (columns.scores.indexOf(column) + 0.5) * cell;
    },
    y(row) {
      const at = rows.rest.indexOf(row);
      return at >= 0 ? bottom + apart + (at + 0.5) * cell : bottom - (rows.scores.indexOf(row) + 0.5) * cell;
    },
  };
}

/** A bin's name as what it begins with. */
function startOf(text) {
  return text.replace(/ to .*/, "");
}

/** Frame, line of equal scores, and what the places on the axes stand for. */
function axes(frame, x, y, columns, rows, xName, yName) {
  const { left, start, top, bottom, last, end, cell } = frame;
  const isSquare = columns.scores.length === rows.scores.length;
  const text = (properties, said) => svg("text", { class: "tick", ...properties }, said);
  const xTicks = ticks(x, columns.scores).map(([at, said]) =>
    text({ x: start + at * cell, y: last + 14, "text-anchor": "middle" }, said),
  );
  const yTicks = ticks(y, rows.scores).map(([at, said]) =>
    text({ x: left - 6, y: bottom - at * cell + 4, "text-anchor": "end" }, said),
  );
  return [
    svg("rect", { class: "plot", x: start, y: top, width: end - start, height: bottom - top }),
    isSquare ? svg("line", { class: "identity", x1: start, y1: bottom, x2: end, y2: top }) : null,
    xTicks,
    yTicks,
    columns.rest.map((code) =>
      text({ x: frame.x(code), y: last + 14, "text-anchor": "middle" }, x.options[code].text),
    ),
    rows.rest.map((code) => text({ x: left - 6, y: frame.y(code) + 4, "text-anchor": "end" }, y.options[code].text)),
    text({ x: 0, y: 12 }, `${yName} ↑`),
    text({ x: end, y: last + 32, "text-anchor": "end" }, `${xName} →`),
  ];
}

/** What is written along an axis, as pairs of a place in cells and a text: bins at their edges, scores at themselves. */
function ticks(dim, codes) {
  const names = codes.map((code) => dim.options[code].text);
  const areBins = names.every((name) => name.includes(" to "));
  if (!areBins) return names.map((name, at) => [at + 0.5, name]);
  return [...names.map((name, at) => [at, startOf(name)]), [names.length, names.at(-1).replace(/.* to /, "")]];
}

/** A pair of categories: what is pressed is its whole cell, since a bubble can be small. */
function bubble(frame, x, y, n, most, filter, said, key) {
  const radius = (frame.cell / 2 - 1) * Math.sqrt(n / most);
  const written = String(n);
  const size = frame.cell < 30 ? 9 : 12;
  const fits = written.length * size * 0.6 <= frame.cell;
  const isInside = written.length * size * 0.6 <= 2 * radius && size <= 2 * radius;
  const baseline = isInside ? y + size * 0.36 : y - radius - 2;
  const half = frame.cell / 2;
  return svg(
    "g",
    {
      class: "bubble",
      role: "button",
      tabindex: "0",
      "aria-label": said,
      "aria-pressed": String(filter.isChosen),
      data: { key },
      on: {
        click: filter.toggle,
        keydown: (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault(); // space would scroll
          filter.toggle();
        },
      },
    },
    svg("title", {}, said),
    svg("rect", { class: "hit", x: x - half, y: y - half, width: frame.cell, height: frame.cell, rx: 4 }),
    svg("circle", { cx: x, cy: y, r: radius.toFixed(2) }),
    fits ? svg("text", { x, y: baseline, "text-anchor": "middle", "font-size": size }, written) : null,
  );
}
