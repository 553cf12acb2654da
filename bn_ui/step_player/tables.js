// The numbers that a step takes, and its result.

function showTables(player, step) {
  const { names } = player.lesson;
  const inputs = step.inputs.filter((name) => name !== "m");
  const grids = inputs.filter((name) => names[name].per === "batch");
  const rest = inputs.filter((name) => names[name].per !== "batch");
  const parts = grids.map((name) => grid(player, name));
  if (rest.length) parts.push(statistics(player, rest));
  const isGrid = names[step.name].per === "batch";
  const result = isGrid ? grid(player, step.name) : statistics(player, [step.name]);
  result.classList.add("bn-result");
  result.style.borderColor = player.colour(step.name);
  const end = element("div", { className: "bn-outcome" }); // an arrow never parts from its result
  end.append(element("span", { className: "bn-arrow", textContent: "→" }), result);
  parts.push(end);
  player.part("tables").replaceChildren(...parts);
}

function makeTable(player, caption, rows) {
  const table = element("table");
  const head = element("thead");
  const top = element("tr");
  top.append(element("td", { textContent: "" }));
  for (let k = 1; k <= player.lesson.d; k += 1) {
    top.append(element("th", { scope: "col", textContent: `k = ${k}` }));
  }
  head.append(top);
  const body = element("tbody");
  body.append(...rows);
  table.append(...(caption ? [caption] : []), head, body);
  return table;
}

function grid(player, name) {
  const { what, tex, shape } = player.lesson.names[name];
  const caption = element("caption");
  caption.innerHTML = `${player.tex(tex)} `;
  caption.append(`${what} `, element("small", { textContent: shape }));
  caption.style.color = player.colour(name);
  const rows = Array.from({ length: player.lesson.m }, (_, i) => {
    const row = element("tr");
    row.append(element("th", { scope: "row", textContent: `i = ${i + 1}` }));
    row.append(...cells(player, name, i));
    return row;
  });
  return makeTable(player, caption, rows);
}

function statistics(player, list) {
  const rows = list.map((name) => {
    const { tex, shape, what } = player.lesson.names[name];
    const head = element("th", { scope: "row", title: what });
    head.innerHTML = `${player.tex(tex)} <small></small>`;
    say(head.querySelector("small"), shape);
    head.style.color = player.colour(name);
    const row = element("tr");
    row.append(head, ...cells(player, name, 0));
    return row;
  });
  return makeTable(player, null, rows);
}

function cells(player, name, i) {
  const { per } = player.lesson.names[name];
  const numbers = player.lesson.values[name]?.[i];
  const single = per === "scalar";
  return Array.from({ length: single ? 1 : player.lesson.d }, (_, k) => {
    const [text, full] = numbers?.[k] ?? ["?", ""];
    const cell = element("td", { textContent: text, title: full });
    cell.dataset.cell = `${name} ${i} ${k}`;
    if (single) {
      cell.colSpan = player.lesson.d;
      return cell;
    }
    cell.dataset.k = k;
    if (per === "batch") cell.dataset.i = i;
    cell.style.color = player.colour(name);
    const inRow = per !== "batch" || player.isSample(i);
    const inColumn = k === player.at.k - 1;
    cell.classList.toggle("bn-line", inColumn || (per === "batch" && inRow));
    cell.classList.toggle("bn-here", inRow && inColumn);
    cell.classList.toggle("bn-marked", name === player.at.q && inRow && inColumn);
    return cell;
  });
}
