// The computational graph: what is done, what this step does, what is still to come.

function showGraph(player) {
  const { graph, gradient_at: gradientAt, names, passage } = player.lesson;
  const step = player.step();
  say(player.part("graph").querySelector("figcaption"), player.words[`graph_${passage}`]);
  const layout = player.narrow ? "narrow" : "wide";
  const places = Object.fromEntries(graph.nodes.map((node) => [node.name, node[layout]]));
  const known = player.known();
  const taken = flows(player, step);
  const svg = vector("svg", { "aria-hidden": "true" });
  svg.innerHTML = ARROWS;
  for (const [from, to] of graph.edges) {
    const forward = taken.has(`${from} ${to}`);
    const backward = taken.has(`${to} ${from}`);
    const ends = backward ? [places[to], places[from]] : [places[from], places[to]];
    svg.append(...arrow(...ends, forward || backward));
  }
  const current = new Set(passage === "backward" ? step.paths.flat() : inFormula(player, step));
  const nodes = graph.nodes.map(({ name }) => {
    const node = element("button", { type: "button", className: "bn-node" });
    const [x, y] = places[name];
    Object.assign(node.style, { left: `${x}%`, top: `${y}%`, color: player.colour(name) });
    node.dataset.q = name;
    node.dataset.key = `node ${name}`;
    node.innerHTML = player.tex(names[name].tex);
    const isKnown = known.has(name);
    const texts = [names[name].what];
    if (isKnown) texts.push(nodeNumber(player, node, name, ""));
    const gradient = gradientAt[name];
    if (gradient && known.has(gradient)) {
      texts.push(`${names[gradient].what}: ${nodeNumber(player, node, gradient, "∂ ")}`);
    }
    node.setAttribute("aria-label", texts.join(", "));
    const state = current.has(name) ? "current" : isKnown ? "done" : "coming";
    node.classList.add(`bn-${state}`);
    if (state === "current") node.setAttribute("aria-current", "true");
    node.tabIndex = state === "current" ? 0 : -1; // by keyboard the menu points at the others
    const pointed = name === player.at.q || (gradient && gradient === player.at.q);
    node.classList.toggle("bn-marked", Boolean(pointed));
    return node;
  });
  player.part("graph-picture").replaceChildren(svg, ...nodes);
}

function nodeNumber(player, node, name, sign) {
  const { per } = player.lesson.names[name];
  const row = player.lesson.values[name]?.[per === "batch" ? player.at.i - 1 : 0];
  const [text] = row?.[per === "scalar" ? 0 : player.at.k - 1] ?? ["?"];
  const className = sign ? "bn-gradient" : "";
  const title = player.full(name, player.at.i - 1);
  node.append(element("small", { className, title, textContent: `${sign}${text}` }));
  return text;
}

function inFormula(player, step) {
  if (player.isOpen()) return [step.name];
  const inside = player.lesson.open.filter((id) => id.startsWith(`${step.formula}.`));
  return inside.map((id) => id.split(".")[1]);
}

// Arrows that this step goes along, as "from to": for a gradient against those of the graph.
function flows(player, step) {
  if (player.lesson.passage === "backward") {
    const legs = step.paths.flatMap((path) => path.slice(1).map((to, n) => `${path[n]} ${to}`));
    return new Set(legs);
  }
  const inside = new Set(inFormula(player, step));
  const taken = player.lesson.graph.edges.filter(([, to]) => inside.has(to));
  return new Set(taken.map(([from, to]) => `${from} ${to}`));
}

const ARROWS = ["bn-arrow-thin", "bn-arrow-flow"]
  .map((id) => {
    const colour = id.endsWith("flow") ? "var(--bn-flow)" : "var(--st-border-color)";
    const size = id.endsWith("flow") ? 4 : 7;
    return (
      `<defs><marker id="${id}" viewBox="0 0 10 10" refX="6" refY="5" markerWidth="${size}" ` +
      `markerHeight="${size}" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="${colour}"/>` +
      `</marker></defs>`
    );
  })
  .join("");

// A line with its head half-way, where no node covers it.
function arrow([x1, y1], [x2, y2], flow) {
  const half = [(x1 + x2) / 2, (y1 + y2) / 2];
  const percent = (value) => `${value}%`;
  const className = flow ? "bn-flow" : "";
  const marker = `url(#bn-arrow-${flow ? "flow" : "thin"})`;
  const line = (from, to, more) =>
    vector("line", {
      x1: percent(from[0]),
      y1: percent(from[1]),
      x2: percent(to[0]),
      y2: percent(to[1]),
      class: className,
      ...more,
    });
  return [line([x1, y1], half, { "marker-end": marker }), line(half, [x2, y2], {})];
}
