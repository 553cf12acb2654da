// Two number lines: every value moves from its old place to its new one.

const OLD_LINE = 34; // per cent of the picture's height
const NEW_LINE = 82;
const PITCH_REM = 1.65; // of dots that stand on each other ...
const STACK_REM = 3.3; // ... as long as the stack is no higher than this

function showLines(player, step, moved) {
  const { names } = player.lesson;
  const caption = player.part("lines").querySelector("figcaption");
  const picture = player.part("lines-picture");
  const lines = step.lines?.[player.at.k - 1];
  picture.hidden = !lines;
  const words = lines?.new.length < lines?.old.length ? player.words.lines_sum : player.words.lines;
  say(caption, lines ? fill(words, { k: player.at.k }) : player.words.covered);
  if (!lines) return;
  const highest = Math.max(...lines.old.map(([, level]) => level), ...lines.new.map(([, level]) => level));
  const pitch = highest ? Math.min(PITCH_REM, STACK_REM / highest) : 0;
  const place = ([x, level]) => [x, level * pitch];
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
    title.style.top = `${top}%`;
    title.dataset.q = name;
    return title;
  });
  const dots = lines.old.map((old, n) =>
    makeDot(player, step.main, place(old), OLD_LINE, n, lines.old.length),
  );
  const arrivals = lines.old.map((old, n) => {
    const target = place(lines.new[Math.min(n, last)]);
    const dot = makeDot(player, step.name, target, NEW_LINE, n, lines.new.length);
    if (moved) travel(dot, place(old));
    return dot;
  });
  picture.replaceChildren(svg, ...ticks, ...titles, ...dots, ...arrivals);
  player.paint(picture);
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
  dot.classList.add(line === OLD_LINE ? "bn-old" : "bn-new");
  dot.tabIndex = -1; // by keyboard samples are chosen in the menu
  dot.classList.toggle("bn-here", many && player.isSample(n));
  dot.classList.toggle("bn-marked", name === player.at.q);
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

function put(dot, [x, up], line) {
  dot.style.left = `${x}%`;
  dot.style.top = `calc(${line}% - ${up}rem)`;
}
