// Two number lines: every value moves from its old place to its new one.

const OLD_LINE = 34; // per cent of the picture's height
const NEW_LINE = 82;

function showLines(player, step, moved) {
  const { names } = player.lesson;
  const caption = player.part("lines").querySelector("figcaption");
  const picture = player.part("lines-picture");
  const lines = step.lines?.[player.at.k - 1];
  picture.hidden = !lines;
  say(caption, lines ? fill(player.words.lines, { k: player.at.k }) : player.words.covered);
  if (!lines) return;
  const svg = vector("svg", { "aria-hidden": "true" });
  for (const height of [OLD_LINE, NEW_LINE]) {
    const line = { x1: "0%", x2: "100%", y1: `${height}%`, y2: `${height}%` };
    svg.append(vector("line", { ...line, stroke: "currentColor", "stroke-opacity": 0.5 }));
    for (const [x] of lines.ticks) {
      const tick = { x1: `${x}%`, x2: `${x}%`, y1: `${height - 2}%`, y2: `${height + 2}%` };
      svg.append(vector("line", { ...tick, stroke: "currentColor", "stroke-opacity": 0.5 }));
    }
  }
  const last = lines.new.length - 1;
  lines.old.forEach(([x], n) => {
    const [to] = lines.new[Math.min(n, last)];
    const way = { x1: `${x}%`, y1: `${OLD_LINE}%`, x2: `${to}%`, y2: `${NEW_LINE}%` };
    const here = lines.old.length > 1 && player.isSample(n);
    const look = { stroke: player.colour(step.name), "stroke-width": here ? 3 : 1.25 };
    svg.append(vector("line", { ...way, ...look, "stroke-opacity": here ? 1 : 0.5 }));
  });
  const ticks = lines.ticks.map(([x, text]) => {
    const tick = element("span", { className: "bn-tick", textContent: text });
    tick.style.left = `${x}%`;
    tick.style.top = `${NEW_LINE + 8}%`;
    return tick;
  });
  const titles = [
    [step.main, 0],
    [step.name, 50],
  ].map(([name, top]) => {
    const title = element("span", { className: "bn-line-name" });
    title.innerHTML = `${player.tex(names[name].tex)} `;
    title.style.color = player.colour(name);
    title.style.top = `${top}%`;
    return title;
  });
  const dots = lines.old.map((place, n) => makeDot(player, step.main, place, OLD_LINE, n, lines.old.length));
  const arrivals = lines.old.map((place, n) => {
    const target = lines.new[Math.min(n, last)];
    const dot = makeDot(player, step.name, target, NEW_LINE, n, lines.new.length);
    if (moved) travel(dot, place);
    return dot;
  });
  picture.replaceChildren(svg, ...ticks, ...titles, ...dots, ...arrivals);
}

function makeDot(player, name, place, line, n, count) {
  const many = count > 1;
  const dot = element("button", { type: "button", className: "bn-dot" });
  dot.textContent = many ? n + 1 : "";
  if (!many) dot.innerHTML = "•";
  dot.style.color = player.colour(name);
  put(dot, place, line);
  const row = many ? n : 0;
  const [text, full] = player.lesson.values[name]?.[row]?.[player.at.k - 1] ?? ["?", ""];
  const { what } = player.lesson.names[name];
  const which = many ? `${player.words.sample} ${n + 1}, ` : "";
  dot.setAttribute("aria-label", `${which}${what}: ${text}`);
  dot.title = `${text} (${full})`;
  dot.dataset.key = `dot ${name} ${n}`;
  if (many) dot.dataset.i = n;
  else dot.dataset.q = name;
  if (line === OLD_LINE) dot.classList.add("bn-old");
  else dot.tabIndex = -1; // the same samples as above
  dot.classList.toggle("bn-here", many && player.isSample(n));
  return dot;
}

// From its old place to its new one.
function travel(dot, from) {
  const { left, top } = dot.style;
  put(dot, from, OLD_LINE);
  requestAnimationFrame(() => {
    dot.classList.add("bn-moving");
    requestAnimationFrame(() => Object.assign(dot.style, { left, top }));
  });
}

function put(dot, [x, level], line) {
  dot.style.left = `${x}%`;
  dot.style.top = `calc(${line}% - ${1.65 * level}rem)`;
}
