// One step of the derivation at a time: formula, numbers, table, picture and graph.
//
// Python sends all steps of a batch at once; going from one to the next asks nobody. What is shown
// was computed and worded by Python: this file places it. Where the learner stands is proposed to
// Python with a token; an answer to an older token moves nothing.

const ANSWER_WITHIN_MS = 3000; // then older data is accepted: the proposal was lost
const PAUSE_MS = 300; // several steps in a row are one proposal
const PACES_MS = { slow: 5000, medium: 3000, fast: 1500 };
const NARROW_PX = 700;

export default mounted((root) => new StepPlayer(root.querySelector(".bn-step")));

class StepPlayer {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`.bn-${name}`);
    this.at = null; // {step, i, k, q}
    this.sent = 0;
    this.expires = 0;
    this.within = {}; // formula → the operation last looked at inside it
    this.typesetter = new Typesetter();
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

  receive(bytes, tell) {
    this.tell = tell;
    this.message = JSON.parse(new TextDecoder().decode(bytes));
    this.lesson = this.message.lesson;
    this.words = this.message.words;
    const { place } = this.message;
    const awaited = place.token < this.sent && performance.now() < this.expires;
    const next = awaited || this.proposing ? this.at : place;
    this.place(next);
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
    if (this.lesson) showGraph(this);
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
    // A presenter's clicker sends page keys.
    const pages = this.message.present ? { PageDown: 1, PageUp: -1 } : {};
    const by = { ArrowRight: 1, ArrowLeft: -1, ...pages }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const inside = this.root.contains(event.target);
    // On a projector the focus is often left on a button; nobody should have to look for it.
    if (!inside && event.target !== document.body && !this.message.present) return;
    const taken = "input:not([type=checkbox]), select, textarea, [contenteditable], [role=radiogroup]";
    if (event.target.closest(taken)) return;
    if (inside && event.target.scrollWidth > event.target.clientWidth) return; // scrolls sideways
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
    this.palette = pagePalette(this.root, this.message.palette);
    const step = this.step();
    this.root.dataset.step = this.at.step;
    this.root.style.setProperty("--bn-mark", this.palette.mark);
    this.root.style.setProperty("--bn-flow", this.colour(step.name));
    this.root.style.colorScheme = this.palette.theme;
    this.showBar();
    this.showRail();
    this.showText(step);
    this.showAnswer(step);
    showLines(this, step, moved);
    showGraph(this);
    showTables(this, step);
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
      button.tabIndex = n === now ? 0 : -1; // one stop for Tab; the arrow keys go on from there
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
    this.part("general").setAttribute("aria-label", heading);
    this.part("why").innerHTML = this.typesetter.sentence(step.why);
    this.part("general").innerHTML = this.tex(`\\displaystyle ${step.tex}`);
    this.part("filled").innerHTML = this.tex(`\\displaystyle ${this.filled(step)}`);
    say(this.part("code").querySelector("code"), step.code);
    say(this.part("code-note"), this.words.numpy);
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
    box.innerHTML = `${this.tex(tex)} `;
    box.append(element("code", { textContent: name }), ` ${what} ${shape}`);
    return box;
  }

  // Colours of quantities, and marks on what is pointed at.
  paint(box) {
    for (const part of box.querySelectorAll("[data-q]")) {
      const { q, i } = part.dataset;
      part.style.color = this.colour(q);
      if (part.closest(".bn-filled")) part.title = this.full(q, i ?? this.at.i - 1);
      // Of one sample's number the sample is pointed at, of all others the quantity.
      const pointed = i === undefined ? q === this.at.q : this.isSample(i);
      part.classList.toggle("bn-marked", pointed);
    }
  }

  // A number in all its digits, for hovering.
  full(name, i) {
    const { per } = this.lesson.names[name];
    const row = this.lesson.values[name]?.[per === "batch" ? i : 0];
    return row?.[per === "scalar" ? 0 : this.at.k - 1]?.[1] ?? "";
  }

  isSample(i) {
    return Number(i) === this.at.i - 1;
  }

  showAnswer(step) {
    const form = this.part("answer");
    const { feedback } = this.message;
    const { i, k } = this.at;
    const mine = feedback?.step === step.formula && feedback.i === i && feedback.k === k;
    say(this.part("feedback"), mine ? feedback.text : "");
    if (!this.lesson.blank.includes(step.formula)) {
      const answered = form.contains(document.activeElement);
      form.replaceChildren();
      if (answered) this.part("heading").focus({ preventScroll: true });
      return;
    }
    if (!form.firstChild) this.makeAnswer(form);
    const { words } = this;
    const [label, input, check, show] = form.children;
    const asked = this.filled(this.lesson.steps[step.formula]).split(" = ")[0];
    if (form.dataset.asks !== asked) input.value = "";
    form.dataset.asks = asked;
    const whole = this.isOpen() ? ` ${words.whole_formula}` : "";
    label.innerHTML = `${words.your_turn} ${this.tex(asked)}${whole} =`;
    const { what, per } = this.lesson.names[step.formula];
    const entry = per === "batch" ? `, ${words.sample} ${i}` : "";
    input.setAttribute("aria-label", `${words.your_turn} ${what}${entry}, ${words.feature} ${k}`);
    input.setAttribute("aria-invalid", String(Boolean(mine)));
    say(check, words.check);
    say(show, words.show_worked);
  }

  makeAnswer(form) {
    const id = "bn-answer-number";
    const label = element("label", { htmlFor: id });
    const input = element("input", { type: "text", id, autocomplete: "off" });
    input.setAttribute("aria-describedby", "bn-answer-feedback");
    const check = element("button", { type: "submit" });
    const show = element("button", { type: "button" });
    show.addEventListener("click", () => this.answer({ give_up: true }));
    form.replaceChildren(label, input, check, show);
  }

  // ---- formulas and colours -------------------------------------------------------------

  tex(source) {
    return this.typesetter.tex(source);
  }

  async fetchTypesetter() {
    if (this.typesetter.typeset) return;
    try {
      await this.typesetter.load(this.message.katex);
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
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
