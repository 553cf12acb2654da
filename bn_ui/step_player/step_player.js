// One step of the derivation at a time: formula, numbers, table, picture and graph.
//
// Python sends all steps of a batch at once; going from one to the next asks nobody. What is shown
// was computed and worded by Python: this file places it. Where the learner stands is proposed to
// Python with a token; an answer to an older token moves nothing.

const ANSWER_WITHIN_MS = 3000; // then older data is accepted: the proposal was lost
const PAUSE_MS = 300; // several steps in a row are one proposal
const PACES_MS = { slow: 5000, medium: 3000, fast: 1500 };
const NARROW_PX = 700;
const OLD_LINE = 34; // per cent of the picture's height
const NEW_LINE = 82;
const MARKS = { light: "#ffe08a", dark: "#5b4a12" };

const players = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!data) return undefined;
  let player = players.get(parentElement);
  if (!player) {
    player = new StepPlayer(parentElement.querySelector(".bn-step"));
    players.set(parentElement, player);
  }
  player.receive(data, setTriggerValue);
  return () => {
    // Streamlit also runs this when the next call supersedes this one: the player then stays.
    if (parentElement.isConnected) return;
    players.delete(parentElement);
    player.close();
  };
}

class StepPlayer {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`.bn-${name}`);
    this.at = null; // {step, i, k, q}
    this.sent = 0;
    this.expires = 0;
    this.within = {}; // formula → the operation last looked at inside it
    this.rendered = new Map(); // LaTeX → HTML
    this.shows = 0;
    this.makeBar();
    this.listen();
  }

  close() {
    this.stop();
    clearTimeout(this.proposing);
    this.resize.disconnect();
    document.removeEventListener("keydown", this.onKey);
    window.removeEventListener("popstate", this.onHistory);
  }

  // ---- messages -------------------------------------------------------------------------

  receive(bytes, setTriggerValue) {
    this.tell = setTriggerValue;
    this.message = JSON.parse(new TextDecoder().decode(bytes));
    this.lesson = this.message.lesson;
    this.words = this.message.words;
    const { place } = this.message;
    const awaited = place.token < this.sent && performance.now() < this.expires;
    const next = awaited || this.proposing ? this.at : place;
    this.place(next);
    document.documentElement.lang = { zh: "zh-CN" }[this.message.lang] ?? this.message.lang;
    this.wordBar();
    this.show();
    this.fetchTypesetter();
  }

  // Somewhere that this batch has.
  place({ step, i, k, q }) {
    const { steps, closed, m, d, names } = this.lesson;
    this.at = {
      step: step in steps ? step : closed[0],
      i: Math.min(i, m),
      k: Math.min(k, d),
      q: q in names ? q : "",
    };
    if (this.isOpen()) this.within[this.step().formula] = this.at.step;
  }

  go(change) {
    const before = JSON.stringify(this.at);
    this.place({ ...this.at, ...change });
    if (JSON.stringify(this.at) === before) return;
    this.show(change.step !== undefined);
    clearTimeout(this.proposing);
    this.proposing = setTimeout(() => this.propose(), PAUSE_MS);
  }

  propose() {
    clearTimeout(this.proposing);
    this.proposing = null;
    const { keys, token } = this.message.place;
    const values = {};
    for (const [name, key] of Object.entries(keys)) values[key] = this.at[name];
    this.sent = Math.max(this.sent, token) + 1;
    this.expires = performance.now() + ANSWER_WITHIN_MS;
    this.root.dataset.sent = this.sent;
    this.tell("commit", { token: this.sent, values });
  }

  answer(more) {
    if (this.proposing) this.propose();
    const { i, k } = this.at;
    this.tell("answer", { step: this.step().formula, i, k, ...more });
  }

  // ---- where we are ---------------------------------------------------------------------

  step() {
    return this.lesson.steps[this.at.step];
  }

  isOpen() {
    return this.at.step.includes(".");
  }

  sequence() {
    return this.isOpen() ? this.lesson.open : this.lesson.closed;
  }

  index() {
    return this.sequence().indexOf(this.at.step);
  }

  move(by) {
    const all = this.sequence();
    const to = Math.max(0, Math.min(all.length - 1, this.index() + by));
    if (to !== this.index()) this.go({ step: all[to] });
    return to;
  }

  toggleOpen() {
    const { formula } = this.step();
    if (this.isOpen()) this.go({ step: formula });
    else {
      const inside = this.lesson.open.filter((id) => id.startsWith(`${formula}.`));
      this.go({ step: this.within[formula] ?? inside[0] });
    }
  }

  // Quantities that are known once this step is done.
  known() {
    const { open, names } = this.lesson;
    const given = Object.keys(names).filter((name) => names[name].given);
    const own = open.filter((id) => id === this.at.step || id.startsWith(`${this.at.step}.`));
    const done = open.slice(0, open.indexOf(own.at(-1)) + 1).map((id) => id.split(".")[1]);
    const before = this.lesson.passage === "backward" ? this.lesson.graph.nodes : [];
    return new Set([...given, ...done, ...before.map((node) => node.name)]);
  }

  // ---- controls -------------------------------------------------------------------------

  makeBar() {
    const actions = {
      first: ["|◀", () => this.move(-99)],
      back: ["◀", () => this.move(-1)],
      play: ["", () => this.toggle()],
      next: ["", () => this.move(1)],
      last: ["▶|", () => this.move(99)],
    };
    this.buttons = {};
    for (const [name, [sign, act]] of Object.entries(actions)) {
      const button = element("button", { type: "button", className: `bn-${name}` });
      button.textContent = sign;
      button.addEventListener("click", () => {
        if (name !== "play") this.stop();
        act();
      });
      this.buttons[name] = button;
      this.part("buttons").append(button);
    }
    this.part("open").addEventListener("change", () => this.toggleOpen());
    const chosen = (name, act) =>
      this.part(name).addEventListener("change", (event) => act(event.target.value));
    chosen("sample", (value) => this.go({ i: Number(value) }));
    chosen("feature", (value) => this.go({ k: Number(value) }));
    chosen("quantity", (value) => this.go({ q: value }));
    chosen("pace", () => this.timer && this.play());
  }

  wordBar() {
    const { words } = this;
    for (const [name, button] of Object.entries(this.buttons)) {
      button.title = words[name];
      if (["first", "back", "last"].includes(name)) button.setAttribute("aria-label", words[name]);
    }
    say(this.buttons.next, `${words.next} ▶`);
    this.sayPlay();
    this.part("buttons").setAttribute("aria-label", words.steps);
    for (const name of ["pace", "open", "sample", "feature", "quantity"]) {
      say(this.part(name).parentElement.querySelector("span"), words[name]);
    }
    this.options("pace", Object.keys(PACES_MS).map((key) => [key, words[key]]), "medium");
    const count = (n) => Array.from({ length: n }, (_, at) => [String(at + 1), String(at + 1)]);
    this.options("sample", count(this.lesson.m));
    this.options("feature", count(this.lesson.d));
    const { names } = this.lesson;
    const known = Object.keys(names).filter((name) => name !== "m");
    this.options("quantity", [["", words.none], ...known.map((key) => [key, names[key].what])]);
    this.part("tables").setAttribute("aria-label", words.tables);
    this.part("filled").setAttribute("aria-label", words.with_numbers);
  }

  options(name, pairs, first) {
    const select = this.part(name);
    const chosen = select.value || first;
    select.replaceChildren(
      ...pairs.map(([value, text]) => element("option", { value, textContent: text })),
    );
    if (pairs.some(([value]) => value === chosen)) select.value = chosen;
  }

  listen() {
    this.root.addEventListener("click", (event) => this.onClick(event));
    this.onKey = (event) => this.onArrow(event);
    document.addEventListener("keydown", this.onKey);
    // Back and Forward decide where we are: what was not yet proposed is off.
    this.onHistory = () => {
      this.stop();
      clearTimeout(this.proposing);
      this.proposing = null;
      this.expires = 0;
    };
    window.addEventListener("popstate", this.onHistory);
    this.part("answer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer({ text: this.part("answer").querySelector("input").value });
    });
    this.resize = new ResizeObserver(() => this.onResize());
    this.resize.observe(this.root);
  }

  onResize() {
    const narrow = this.root.clientWidth < NARROW_PX;
    if (narrow === this.narrow) return;
    this.narrow = narrow;
    this.root.classList.toggle("bn-narrow", narrow);
    if (this.lesson) this.showGraph();
  }

  // Anything that says which quantity, sample or feature it stands for can be pointed at.
  onClick(event) {
    const target = event.target.closest("[data-q], [data-i], [data-k], [data-go]");
    if (!target || !this.root.contains(target)) return;
    const { q, i, k, go } = target.dataset;
    const change = {};
    if (go) change.step = go;
    if (q) change.q = q === this.at.q && target.tagName !== "TD" ? "" : q;
    if (i) change.i = Number(i) + 1;
    if (k) change.k = Number(k) + 1;
    this.stop();
    this.go(change);
  }

  // Arrow keys step, unless they are needed where the focus is.
  onArrow(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, PageDown: 1, PageUp: -1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const inside = this.root.contains(event.target);
    if (!inside && event.target !== document.body) return;
    if (event.key.startsWith("Page") && !inside) return;
    const taken = "input:not([type=checkbox]), select, textarea, [contenteditable], [role=radiogroup]";
    if (event.target.closest(taken)) return;
    event.preventDefault();
    this.stop();
    this.move(by);
  }

  toggle() {
    if (this.timer) this.stop();
    else {
      if (this.index() === this.sequence().length - 1) this.move(-99);
      this.play();
    }
  }

  play() {
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      if (this.move(1) === this.sequence().length - 1) this.stop();
    }, PACES_MS[this.part("pace").value]);
    this.sayPlay();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    if (this.words) this.sayPlay();
  }

  sayPlay() {
    const word = this.timer ? this.words.pause : this.words.play;
    say(this.buttons.play, word);
    this.buttons.play.title = word;
  }

  // ---- showing --------------------------------------------------------------------------

  show(moved = false) {
    const held = this.root.contains(document.activeElement)
      ? document.activeElement.dataset.key
      : undefined;
    this.palette = this.readPalette();
    const step = this.step();
    this.root.dataset.step = this.at.step;
    this.root.style.setProperty("--bn-mark", MARKS[this.palette.theme]);
    this.root.style.setProperty("--bn-flow", this.colour(step.name));
    this.root.style.colorScheme = this.palette.theme;
    this.showBar();
    this.showRail();
    this.showText(step);
    this.showAnswer(step);
    this.showTables(step);
    this.showLines(step, moved);
    this.showGraph();
    if (held) this.root.querySelector(`[data-key="${held}"]`)?.focus({ preventScroll: true });
    this.shows += 1;
    this.root.dataset.shows = this.shows;
  }

  showBar() {
    const ends = { first: 0, back: 0, next: this.sequence().length - 1, last: this.sequence().length - 1 };
    for (const [name, end] of Object.entries(ends)) {
      this.buttons[name].setAttribute("aria-disabled", String(this.index() === end));
      this.buttons[name].style.opacity = this.index() === end ? 0.45 : "";
    }
    this.part("open").checked = this.isOpen();
    this.part("sample").value = this.at.i;
    this.part("feature").value = this.at.k;
    this.part("quantity").value = this.at.q;
  }

  showRail() {
    const now = this.index();
    const items = this.sequence().map((id, n) => {
      const { name } = this.lesson.steps[id];
      const button = element("button", { type: "button" });
      button.dataset.go = button.dataset.key = id;
      button.innerHTML = this.tex(this.lesson.names[name].tex);
      button.style.color = this.colour(name);
      button.setAttribute("aria-label", `${n + 1}. ${this.lesson.names[name].what}`);
      if (n === now) button.setAttribute("aria-current", "step");
      button.classList.toggle("bn-done", n < now);
      const item = element("li");
      item.append(button);
      return item;
    });
    this.part("rail").replaceChildren(...items);
  }

  showText(step) {
    const { names } = this.lesson;
    const heading = fill(this.words.heading, {
      n: this.index() + 1,
      all: this.sequence().length,
      what: names[step.name].what,
    });
    say(this.part("heading"), heading);
    this.part("why").innerHTML = this.sentence(step.why);
    this.part("general").innerHTML = this.tex(`\\displaystyle ${step.tex}`);
    this.part("filled").innerHTML = this.tex(`\\displaystyle ${this.filled(step)}`);
    say(this.part("code").querySelector("code"), step.code);
    this.part("code").setAttribute("aria-label", this.words.code);
    const explained = [step.name, ...step.inputs].map((name) => this.explain(name));
    if (step.tex.includes("{q=m}")) explained.push(this.explain("m"));
    if (this.at.q && !step.inputs.includes(this.at.q) && this.at.q !== step.name) {
      explained.unshift(this.explain(this.at.q));
    }
    this.part("legend").replaceChildren(...explained);
    this.paint(this.part("main"));
  }

  filled(step) {
    const row = step.filled[this.at.i - 1] ?? step.filled[0];
    return row[this.at.k - 1];
  }

  // A symbol, what it is, its shape.
  explain(name) {
    const { tex, what, shape } = this.lesson.names[name];
    const box = element("span");
    box.dataset.q = name;
    box.innerHTML = this.tex(tex);
    const size = name === "m" ? "" : ` ${shape}`;
    box.append(`: ${what}${size}`);
    return box;
  }

  // Colours of quantities, and marks on what is pointed at.
  paint(box) {
    for (const part of box.querySelectorAll("[data-q]")) {
      const { q, i } = part.dataset;
      part.style.color = part.closest("button") ? "" : this.colour(q);
      const pointed = q === this.at.q && (i === undefined || this.isSample(i) || !i);
      part.classList.toggle("bn-marked", pointed || (i !== undefined && this.isSample(i)));
    }
  }

  isSample(i) {
    return Number(i) === this.at.i - 1;
  }

  showAnswer(step) {
    const form = this.part("answer");
    const { feedback } = this.message;
    const mine = feedback && feedback.step === step.formula;
    say(this.part("feedback"), mine ? feedback.text : "");
    const blank = this.lesson.blank.includes(step.formula);
    if (!blank) {
      form.replaceChildren();
      return;
    }
    const whole = this.lesson.steps[step.formula];
    const asked = this.filled(whole).split(" = ")[0];
    const id = "bn-answer-number";
    const question = [asked, this.message.lang, Boolean(this.typeset)].join();
    if (form.dataset.asks === question && form.firstChild) return;
    form.dataset.asks = question;
    const label = element("label", { htmlFor: id });
    label.innerHTML = `${this.words.your_turn} ${this.tex(`${asked} =`)}`;
    const input = element("input", { type: "text", id, autocomplete: "off", inputMode: "text" });
    input.setAttribute("aria-label", `${this.words.your_turn} ${this.lesson.names[step.formula].what}`);
    const check = element("button", { type: "submit", textContent: this.words.check });
    const show = element("button", { type: "button", textContent: this.words.show_worked });
    show.addEventListener("click", () => this.answer({ give_up: true }));
    form.replaceChildren(label, input, check, show);
  }

  // ---- tables ---------------------------------------------------------------------------

  showTables(step) {
    const { names } = this.lesson;
    const inputs = step.inputs.filter((name) => name !== "m");
    const grids = inputs.filter((name) => names[name].per === "batch");
    const rest = inputs.filter((name) => names[name].per !== "batch");
    const parts = grids.map((name) => this.grid(name));
    if (rest.length) parts.push(this.statistics(rest));
    parts.push(element("span", { className: "bn-arrow", textContent: "→" }));
    const isGrid = names[step.name].per === "batch";
    const result = isGrid ? this.grid(step.name) : this.statistics([step.name]);
    result.classList.add("bn-result");
    result.style.borderColor = this.colour(step.name);
    parts.push(result);
    this.part("tables").replaceChildren(...parts);
  }

  table(caption, rows) {
    const table = element("table");
    const head = element("thead");
    const top = element("tr");
    top.append(element("td", { textContent: "" }));
    for (let k = 1; k <= this.lesson.d; k += 1) {
      top.append(element("th", { scope: "col", textContent: `k = ${k}` }));
    }
    head.append(top);
    const body = element("tbody");
    body.append(...rows);
    table.append(...(caption ? [caption] : []), head, body);
    return table;
  }

  grid(name) {
    const { what, tex, shape } = this.lesson.names[name];
    const caption = element("caption");
    caption.innerHTML = `${this.tex(tex)} `;
    caption.append(`${what} `, element("small", { textContent: shape }));
    caption.style.color = this.colour(name);
    const rows = Array.from({ length: this.lesson.m }, (_, i) => {
      const row = element("tr");
      row.append(element("th", { scope: "row", textContent: `i = ${i + 1}` }));
      row.append(...this.cells(name, i));
      return row;
    });
    return this.table(caption, rows);
  }

  statistics(list) {
    const rows = list.map((name) => {
      const { tex, shape, what } = this.lesson.names[name];
      const head = element("th", { scope: "row", title: what });
      head.innerHTML = `${this.tex(tex)} <small></small>`;
      say(head.querySelector("small"), shape);
      head.style.color = this.colour(name);
      const row = element("tr");
      row.append(head, ...this.cells(name, 0));
      return row;
    });
    return this.table(null, rows);
  }

  cells(name, i) {
    const { per } = this.lesson.names[name];
    const numbers = this.lesson.values[name]?.[i];
    const single = per === "scalar";
    return Array.from({ length: single ? 1 : this.lesson.d }, (_, k) => {
      const [text, full] = numbers?.[k] ?? ["?", ""];
      const cell = element("td", { textContent: text, title: full });
      cell.dataset.cell = `${name} ${i} ${k}`;
      if (single) {
        cell.colSpan = this.lesson.d;
        return cell;
      }
      cell.dataset.k = k;
      if (per === "batch") cell.dataset.i = i;
      cell.style.color = this.colour(name);
      const inRow = per !== "batch" || this.isSample(i);
      const inColumn = k === this.at.k - 1;
      cell.classList.toggle("bn-line", inColumn || (per === "batch" && inRow));
      cell.classList.toggle("bn-here", inRow && inColumn);
      cell.classList.toggle("bn-marked", name === this.at.q && inRow && inColumn);
      return cell;
    });
  }

  // ---- number lines ---------------------------------------------------------------------

  showLines(step, moved) {
    const { names } = this.lesson;
    const caption = this.part("lines").querySelector("figcaption");
    const picture = this.part("lines-picture");
    const lines = step.lines?.[this.at.k - 1];
    picture.hidden = !lines;
    say(caption, lines ? fill(this.words.lines, { k: this.at.k }) : this.words.covered);
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
      const here = lines.old.length > 1 && this.isSample(n);
      const look = { stroke: this.colour(step.name), "stroke-width": here ? 3 : 1.25 };
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
      title.innerHTML = `${this.tex(names[name].tex)} `;
      title.style.color = this.colour(name);
      title.style.top = `${top}%`;
      return title;
    });
    const dots = lines.old.map((place, n) => this.dot(step.main, place, OLD_LINE, n, lines.old.length));
    const arrivals = lines.old.map((place, n) => {
      const target = lines.new[Math.min(n, last)];
      const dot = this.dot(step.name, target, NEW_LINE, n, lines.new.length);
      if (moved) this.travel(dot, place);
      return dot;
    });
    picture.replaceChildren(svg, ...ticks, ...titles, ...dots, ...arrivals);
  }

  dot(name, place, line, n, count) {
    const many = count > 1;
    const dot = element("button", { type: "button", className: "bn-dot" });
    dot.textContent = many ? n + 1 : "";
    if (!many) dot.innerHTML = "•";
    dot.style.color = this.colour(name);
    put(dot, place, line);
    const row = many ? n : 0;
    const [text, full] = this.lesson.values[name]?.[row]?.[this.at.k - 1] ?? ["?", ""];
    const { what } = this.lesson.names[name];
    const which = many ? `${this.words.sample} ${n + 1}, ` : "";
    dot.setAttribute("aria-label", `${which}${what}: ${text}`);
    dot.title = `${text} (${full})`;
    dot.dataset.key = `dot ${name} ${n}`;
    if (many) dot.dataset.i = n;
    else dot.dataset.q = name;
    if (line === OLD_LINE) dot.classList.add("bn-old");
    else dot.tabIndex = -1; // the same samples as above
    dot.classList.toggle("bn-here", many && this.isSample(n));
    return dot;
  }

  // From its old place to its new one.
  travel(dot, from) {
    const { left, top } = dot.style;
    put(dot, from, OLD_LINE);
    requestAnimationFrame(() => {
      dot.classList.add("bn-moving");
      requestAnimationFrame(() => Object.assign(dot.style, { left, top }));
    });
  }

  // ---- graph ----------------------------------------------------------------------------

  showGraph() {
    const { graph, gradient_at: gradientAt, names, passage } = this.lesson;
    const step = this.step();
    say(this.part("graph").querySelector("figcaption"), this.words[`graph_${passage}`]);
    const layout = this.narrow ? "narrow" : "wide";
    const places = Object.fromEntries(graph.nodes.map((node) => [node.name, node[layout]]));
    const known = this.known();
    const flows = this.flows(step);
    const svg = vector("svg", { "aria-hidden": "true" });
    svg.innerHTML = ARROWS;
    for (const [from, to] of graph.edges) {
      const forward = flows.has(`${from} ${to}`);
      const backward = flows.has(`${to} ${from}`);
      const ends = backward ? [places[to], places[from]] : [places[from], places[to]];
      svg.append(...arrow(...ends, forward || backward));
    }
    const current = new Set(passage === "backward" ? step.path : this.inFormula(step));
    const nodes = graph.nodes.map(({ name }) => {
      const node = element("button", { type: "button", className: "bn-node" });
      const [x, y] = places[name];
      Object.assign(node.style, { left: `${x}%`, top: `${y}%`, color: this.colour(name) });
      node.dataset.q = name;
      node.dataset.key = `node ${name}`;
      node.innerHTML = this.tex(names[name].tex);
      const isKnown = known.has(name);
      const texts = [names[name].what];
      if (isKnown) texts.push(this.nodeNumber(node, name, ""));
      const gradient = gradientAt[name];
      if (gradient && known.has(gradient)) {
        texts.push(`${names[gradient].what}: ${this.nodeNumber(node, gradient, "∂ ")}`);
      }
      node.setAttribute("aria-label", texts.join(", "));
      const state = current.has(name) ? "current" : isKnown ? "done" : "coming";
      node.classList.add(`bn-${state}`);
      if (state === "current") node.setAttribute("aria-current", "true");
      const pointed = name === this.at.q || (gradient && gradient === this.at.q);
      node.classList.toggle("bn-marked", Boolean(pointed));
      return node;
    });
    this.part("graph-picture").replaceChildren(svg, ...nodes);
  }

  nodeNumber(node, name, sign) {
    const { per } = this.lesson.names[name];
    const row = this.lesson.values[name]?.[per === "batch" ? this.at.i - 1 : 0];
    const [text] = row?.[per === "scalar" ? 0 : this.at.k - 1] ?? ["?"];
    const className = sign ? "bn-gradient" : "";
    node.append(element("small", { className, textContent: `${sign}${text}` }));
    return text;
  }

  inFormula(step) {
    if (this.isOpen()) return [step.name];
    const inside = this.lesson.open.filter((id) => id.startsWith(`${step.formula}.`));
    return inside.map((id) => id.split(".")[1]);
  }

  // Arrows that this step goes along, as "from to": for a gradient against those of the graph.
  flows(step) {
    if (this.lesson.passage === "backward") {
      return new Set(step.path.slice(1).map((to, n) => `${step.path[n]} ${to}`));
    }
    const inside = new Set(this.inFormula(step));
    const taken = this.lesson.graph.edges.filter(([, to]) => inside.has(to));
    return new Set(taken.map(([from, to]) => `${from} ${to}`));
  }

  // ---- formulas and colours -------------------------------------------------------------

  tex(source) {
    if (!this.typeset) return escaped(plain(source));
    if (!this.rendered.has(source)) this.rendered.set(source, this.typeset(source));
    return this.rendered.get(source);
  }

  // Words with formulas between dollar signs.
  sentence(text) {
    const parts = text.split("$");
    return parts.map((part, n) => (n % 2 ? this.tex(part) : escaped(part))).join("");
  }

  // Streamlit's own typesetter, which the page has loaded for its prose. Until it is there the
  // source is shown.
  async fetchTypesetter() {
    if (this.typeset) return;
    try {
      // This script itself runs from a blob:, which has no place that a path could start from.
      const { default: rehypeKatex } = await import(location.origin + this.message.katex);
      const trust = ({ command }) => command === "\\htmlData";
      const transform = rehypeKatex({ trust, strict: false });
      this.typeset = (source) => {
        const tree = { type: "root", children: [formula(source)] };
        transform(tree, { message: () => {} });
        return html(tree);
      };
      say(this.part("error"), "");
      if (this.root.isConnected) this.show();
    } catch (error) {
      say(this.part("error"), this.words.formulas_failed);
      throw error;
    }
  }

  colour(name) {
    return this.palette[this.lesson.names[name]?.colour] ?? this.palette.text;
  }

  readPalette() {
    const style = getComputedStyle(this.root);
    const read = (name) => style.getPropertyValue(name).trim();
    const probe = element("canvas", { width: 1, height: 1 }).getContext("2d");
    probe.fillStyle = read("--st-background-color") || "#fff";
    probe.fillRect(0, 0, 1, 1);
    const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
    const theme = red + green + blue < 384 ? "dark" : "light";
    return { ...this.message.palette[theme], theme, text: read("--st-text-color") };
  }
}

// ---- helpers ------------------------------------------------------------------------------

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

function vector(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function say(box, text) {
  if (box.textContent !== text) box.textContent = text;
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function put(dot, [x, level], line) {
  dot.style.left = `${x}%`;
  dot.style.top = `calc(${line}% - ${1.65 * level}rem)`;
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

// A formula as Markdown would hand it on, and the typesetter's tree as HTML.
function formula(source) {
  const properties = { className: ["math-inline"] };
  const children = [{ type: "text", value: source }];
  return { type: "element", tagName: "code", properties, children };
}

function html(node) {
  if (node.type === "text") return escaped(node.value);
  const inside = (node.children ?? []).map(html).join("");
  if (node.type !== "element") return inside;
  const attributes = Object.entries(node.properties ?? {}).map(([name, value]) => {
    const key = name === "className" ? "class" : name.replace(/^(aria|data)([A-Z])/, dashed);
    return ` ${key}="${escaped([value].flat().join(" ")).replaceAll('"', "&quot;")}"`;
  });
  return `<${node.tagName}${attributes.join("")}>${inside}</${node.tagName}>`;
}

const dashed = (_, prefix, letter) => `${prefix}-${letter.toLowerCase()}`;

// LaTeX without the marks that only this page needs.
function plain(tex) {
  return tex.replace(/\\htmlData\{[^}]*\}/g, "").replace("\\displaystyle ", "");
}

function escaped(text) {
  return element("span", { textContent: text }).innerHTML;
}
