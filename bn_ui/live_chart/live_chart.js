// A Plotly figure that is redrawn while a knob is dragged.
//
// Python sends one message of bytes: a JSON header, then arrays. The header holds the figure, the
// knobs, the words, and "changes": which array goes where, for the committed state (one row) and
// for every position of every knob (one row a position). This file shows rows; it computes none.
//
// Truth lives in Python. On release all knob values are proposed with a token; data that answers
// an older token is ignored, so that a slow answer never moves a knob back.

const ANSWER_WITHIN_MS = 3000; // then older data is accepted: the proposal was lost
const KEY_PAUSE_MS = 250; // arrow keys commit after a pause, not at every press
const REST_MS = 250; // a picture that stays so long under the finger is described anew
const DRAG_PX = 4; // a press that moves farther is a drag and no click
const NARROW_PX = 560;

const CONFIG = { displayModeBar: false, responsive: false, scrollZoom: false, doubleClick: false };
const CURVES_ONLY = {
  transition: { duration: 0 },
  frame: { duration: 0, redraw: false },
  mode: "immediate",
};

export default mounted((root) => new LiveChart(root.querySelector(".bn-live")));

class LiveChart {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`.bn-${name}`);
    this.knobs = new Map(); // key → its elements
    this.moved = new Map(); // key → position, for knobs moved and not yet answered
    this.active = null; // key of the knob under the finger
    this.sent = 0; // newest token proposed
    this.expires = 0;
    this.pictures = 0;
    this.resize = new ResizeObserver(() => this.onResize());
    this.resize.observe(root);
  }

  close() {
    this.resize.disconnect();
    clearTimeout(this.commitTimer);
    clearTimeout(this.expiryTimer);
    clearTimeout(this.restTimer);
    if (this.plotted) window.Plotly.purge(this.part("figure"));
  }

  // ---- messages -------------------------------------------------------------------------

  receive(bytes, tell) {
    this.propose = (proposal) => tell("commit", proposal);
    this.incoming = decode(bytes);
    this.admit();
  }

  admit() {
    clearTimeout(this.expiryTimer);
    const wait = this.expires - performance.now();
    if (this.incoming.token < this.sent && wait > 0) {
      this.expiryTimer = setTimeout(() => this.admit(), wait);
      return;
    }
    const held = this.heldValue();
    this.message = this.incoming;
    this.moved.clear();
    this.holdAgain(held);
    this.root.dataset.token = this.message.token;
    this.showKnobs();
    this.showWords();
    this.reload = true; // the figure itself may have changed, not only its numbers
    this.requestPicture();
  }

  // What is under the finger stays there, also if the new message has other positions for it.
  heldValue() {
    const position = this.moved.get(this.active);
    return position === undefined ? null : this.knob(this.active).values[position];
  }

  holdAgain(value) {
    const knob = value === null ? undefined : this.knob(this.active);
    if (!knob) {
      this.active = null;
      return;
    }
    const distances = knob.values.map((other) => Math.abs(other - value));
    this.moved.set(knob.key, distances.indexOf(Math.min(...distances)));
  }

  // All knobs that were moved and not answered, so that a proposal which overtakes another loses
  // nothing; and no other, as a value may have been typed meanwhile.
  commit() {
    clearTimeout(this.commitTimer);
    this.commitTimer = null;
    this.active = null;
    const values = {};
    for (const [key, position] of this.moved) values[key] = this.knob(key).values[position];
    this.sent = Math.max(this.sent, this.message.token) + 1;
    this.expires = performance.now() + ANSWER_WITHIN_MS;
    this.root.dataset.sent = this.sent;
    this.propose({ token: this.sent, values });
  }

  // ---- knobs ----------------------------------------------------------------------------

  showKnobs() {
    for (const [key, { box }] of this.knobs) {
      if (this.knob(key)) continue;
      box.remove();
      this.knobs.delete(key);
    }
    for (const { key } of this.message.knobs) {
      // A knob that stays is left where it is: moving it in the page would end a drag.
      if (!this.knobs.has(key)) this.part("knobs").append(this.makeKnob(key));
    }
    for (const knob of this.message.knobs) {
      const { label, input, reset } = this.knobs.get(knob.key);
      label.textContent = knob.label;
      reset.title = knob.reset;
      reset.setAttribute("aria-label", knob.reset);
      input.max = knob.values.length - 1;
      const held = this.moved.get(knob.key);
      input.value = held ?? knob.at;
      this.say(knob.key, held === undefined ? knob.text : knob.texts[held]);
    }
  }

  makeKnob(key) {
    const id = `bn-knob-${key}`;
    const label = element("label", { htmlFor: id });
    const output = element("output", { htmlFor: id });
    output.setAttribute("aria-live", "off"); // the range input itself speaks its value
    const reset = element("button", { type: "button", textContent: "↺" });
    const input = element("input", { type: "range", id, min: 0, step: 1 });
    const box = element("div", { className: "bn-knob" });
    box.dataset.knob = key;
    box.append(label, output, input, reset); // the keyboard comes to the knob before its reset
    this.knobs.set(key, { box, label, output, reset, input });
    this.listen(key, input);
    reset.addEventListener("click", () => this.toDefault(key));
    return box;
  }

  // A press begins with a pointer or a key, moves the knob, and ends with one proposal: at once
  // when the pointer lets go, after a pause when keys were pressed.
  listen(key, input) {
    let press = { keys: false };
    const on = (name, act) => input.addEventListener(name, act);
    on("keydown", () => (press = { keys: true }));
    on("pointerdown", (event) => {
      press = { from: event.clientX, before: this.moved.get(key) };
    });
    on("mousedown", (event) => (press.doubled = event.detail > 1));
    on("pointermove", (event) => {
      if (Math.abs(event.clientX - press.from) > DRAG_PX) press.doubled = false;
    });
    on("input", () => {
      if (this.active !== key) this.settle(); // another knob's keys may still be waiting
      clearTimeout(this.commitTimer);
      this.move(key, Number(input.value));
    });
    on("change", () => {
      if (press.keys) this.commitTimer = setTimeout(() => this.commit(), KEY_PAUSE_MS);
      else if (!press.doubled && !press.cancelled) this.commit();
    });
    // Back where it started there is no change event, but the press is over all the same.
    on("pointerup", () => setTimeout(() => !press.keys && !press.doubled && this.settle(key)));
    on("blur", () => this.settle(key));
    on("pointercancel", () => {
      press.cancelled = true; // it became a scroll of the page
      this.putBack(key, press.before);
    });
    on("dblclick", () => press.doubled && this.toDefault(key));
  }

  toDefault(key) {
    const position = this.knob(key).reset_at;
    this.knobs.get(key).input.value = position;
    this.move(key, position);
    this.commit();
  }

  move(key, position) {
    this.active = key;
    this.moved.set(key, position);
    this.say(key, this.knob(key).texts[position]);
    this.requestPicture();
  }

  // Whatever is still under the finger, or waiting for a pause between keys, is proposed now.
  settle(key = this.active) {
    if (key !== null && this.active === key) this.commit();
  }

  putBack(key, position) {
    this.active = null;
    if (position === undefined) this.moved.delete(key);
    else this.moved.set(key, position);
    this.showKnobs();
    this.requestPicture();
  }

  say(key, text) {
    const { output, input } = this.knobs.get(key);
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
  }

  knob(key) {
    return this.message.knobs.find((knob) => knob.key === key);
  }

  // ---- pictures -------------------------------------------------------------------------

  // Frames of a knob were computed with the other knobs where the message has them. If another
  // one has moved since, no frame is right: keep the picture until Python has answered.
  consistent() {
    return this.moved.size === 0 || (this.moved.size === 1 && this.knob([...this.moved.keys()][0]));
  }

  requestPicture() {
    this.wanted = true;
    if (!this.drawing) {
      this.drawing = true;
      requestAnimationFrame(() => this.draw());
    }
  }

  // At most one picture an animation frame, and never two at a time.
  async draw() {
    try {
      while (this.wanted) {
        this.wanted = false;
        await this.drawOnce();
        await new Promise(requestAnimationFrame);
      }
      say(this.part("error"), "");
    } catch (error) {
      say(this.part("error"), this.message.failed);
      this.axesMoved = this.reload = true; // the next picture starts afresh
      throw error;
    } finally {
      this.drawing = false;
    }
  }

  async drawOnce() {
    if (!this.consistent()) return;
    const figure = this.part("figure");
    const [key, position] = [...this.moved][0] ?? [null, 0];
    this.moving = new Set();
    if (this.reload) this.load();
    if (this.reload || key !== this.shownKey) this.apply(this.message.base, 0);
    if (key) this.apply(this.knob(key).changes, position);
    this.reload = false;
    this.shownKey = key;
    this.showNumbers();
    await plotly(this.message.plotly);
    if (!this.root.isConnected) return;
    await this.plot(figure);
    this.plotted = true;
    this.pictures += 1;
    this.root.dataset.pictures = this.pictures;
    this.root.dataset.shown = JSON.stringify(Object.fromEntries(this.moved));
  }

  // Axes, titles and bands cost twice what the curves cost: they are drawn again only when one
  // of them has changed.
  async plot(figure) {
    const { data, layout } = this.figure;
    if (this.axesMoved) {
      this.axesMoved = false;
      await window.Plotly.react(figure, data, layout, CONFIG);
      return;
    }
    const traces = [...this.moving];
    const curves = traces.map((i) => {
      const { x, y, customdata } = data[i];
      return { x, y, customdata };
    });
    await window.Plotly.animate(figure, { data: curves, traces }, CURVES_ONLY);
  }

  // Figure for this width and theme, before any numbers are put in.
  load() {
    const figure = this.part("figure");
    this.scale = typeScale();
    this.narrow = this.root.clientWidth < NARROW_PX * this.scale;
    const source = this.message.figure;
    const plain = { data: source.data, layout: this.narrow ? source.narrow : source.layout };
    const coloured = themed(plain, pagePalette(this.root, this.message.palette));
    this.figure = enlarged(coloured, this.scale);
    this.figure.layout.width = this.root.clientWidth;
    figure.style.minHeight = `${this.figure.layout.height}px`;
    this.cells = [];
    this.axesMoved = true;
  }

  apply(changes, row) {
    for (const change of changes) {
      const values = change.rows[row];
      if (change.kind === "cells") {
        this.cells = values;
      } else if (change.kind === "layout") {
        this.applyLayout(change.path, values);
      } else {
        this.applyTrace(change, values);
      }
    }
  }

  applyLayout([axis, name], values) {
    const before = this.figure.layout[axis][name];
    if (values.some((value, i) => value !== before[i])) this.axesMoved = true;
    this.figure.layout[axis][name] = Array.from(values);
  }

  applyTrace(change, values) {
    const trace = this.figure.data[change.trace];
    this.moving.add(change.trace);
    if (change.unit === null) {
      trace[change.attribute] = Array.from(values);
    } else {
      trace[change.attribute] = Array.from(values, (whole) => whole * change.unit + change.offset);
      trace.customdata = Array.from(values);
    }
  }

  onResize() {
    if (!this.figure) return;
    const fits = this.root.clientWidth === this.figure.layout.width;
    if (fits && this.scale === typeScale()) return;
    this.reload = true;
    this.requestPicture();
  }

  // ---- words and numbers ----------------------------------------------------------------

  showWords() {
    const { table, downloads } = this.message;
    const colours = pagePalette(this.root, this.message.palette);
    const head = element("tr");
    head.append(...table.columns.map((text) => element("th", { scope: "col", textContent: text })));
    const rows = table.rows.map(({ label, colour, cells }) => {
      const row = element("tr");
      const name = element("th", { scope: "row", textContent: label });
      name.style.color = colours[colour] ?? "";
      row.append(name, ...cells.map((cell) => this.makeCell(cell)));
      return row;
    });
    const header = element("thead");
    const body = element("tbody");
    header.append(head);
    body.append(...rows);
    this.part("table").replaceChildren(...(rows.length ? [header, body] : []));
    this.part("downloads").replaceChildren(
      ...downloads.map(({ format, label }) => {
        const button = element("button", { type: "button", textContent: label });
        button.addEventListener("click", () => this.download(format));
        return button;
      }),
    );
  }

  makeCell(cell) {
    const box = element("td");
    if (cell === null) box.textContent = "–";
    else box.dataset.cell = cell;
    return box;
  }

  showNumbers() {
    const texts = Array.from(this.cells, (value, i) => shown(value, this.message.formats[i]));
    for (const box of this.root.querySelectorAll("[data-cell]")) say(box, texts[box.dataset.cell]);
    say(this.part("caption"), filled(this.message.caption, texts));
    clearTimeout(this.restTimer);
    if (this.moved.size === 0) this.tell(texts);
    else this.restTimer = setTimeout(() => this.describe(texts), REST_MS);
  }

  // For those who do not see it: the picture's numbers once it rests, never at every frame ...
  describe(texts) {
    const figure = this.part("figure");
    figure.setAttribute("role", "img");
    figure.setAttribute("aria-label", filled(this.message.alt, texts));
  }

  // ... and once they are committed, the caption is also spoken, if its numbers are new.
  tell(texts) {
    this.describe(texts);
    const { caption } = this.message;
    const numbers = [...caption.matchAll(PLACES)].map(([, i]) => texts[i]).join(" ");
    if (this.told !== undefined && this.told !== numbers) say(this.part("said"), filled(caption, texts));
    this.told = numbers;
  }

  download(format) {
    const { width, height } = this.figure.layout;
    const filename = this.message.filename;
    window.Plotly.downloadImage(this.part("figure"), { format, filename, width, height, scale: 2 });
  }
}

// ---- helpers ------------------------------------------------------------------------------

// Four significant digits, for the eye; powers of ten only far from 1.
function shown(value, format) {
  if (Number.isNaN(value)) return "–";
  if (format === "whole") return value.toFixed(0);
  if (format === "percent") return `${value.toFixed(1)} %`;
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e-3 && size < 1e4) return value.toPrecision(4).replace("-", "−");
  if (size >= 1e4 && size < 1e7) return value.toFixed(0).replace("-", "−");
  const [digits, exponent] = value.toExponential(3).split("e");
  const raised = [...exponent.replace("+", "")].map((c) => SUPERSCRIPTS[c]).join("");
  return `${digits.replace("-", "−")}×10${raised}`;
}

const SUPERSCRIPTS = Object.fromEntries([..."-0123456789"].map((c, i) => [c, [..."⁻⁰¹²³⁴⁵⁶⁷⁸⁹"][i]]));

const PLACES = /\{(\d+)\}/g; // of numbers in a sentence

function filled(sentence, texts) {
  return sentence.replace(PLACES, (_, i) => texts[i]);
}

// "@name" stands for a colour of the palette.
function themed(node, palette) {
  if (typeof node === "string" && node.startsWith("@")) return palette[node.slice(1)];
  if (Array.isArray(node)) return node.map((item) => themed(item, palette));
  if (node && typeof node === "object") {
    return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, themed(v, palette)]));
  }
  return node;
}

// What a figure measures in pixels, by the name of the object that holds it. Not its height: the
// larger the type, the less of the screen is left.
const IN_PIXELS = {
  margin: ["l", "r", "t", "b"],
  font: ["size"],
  tickfont: ["size"],
  textfont: ["size"],
  title: ["standoff"],
  marker: ["size"],
  line: ["width"],
};

// A figure whose type, lines and margins grow with the type of the page.
function enlarged(node, scale, name = "") {
  if (Array.isArray(node)) return node.map((item) => enlarged(item, scale));
  if (!node || typeof node !== "object") return node;
  const grows = IN_PIXELS[name] ?? [];
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => {
      const pixels = typeof value === "number" && grows.includes(key);
      return [key, pixels ? value * scale : enlarged(value, scale, key)];
    }),
  );
}

// How much larger than usual the page's type is: projector mode enlarges the root's.
function typeScale() {
  return Math.max(1, parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
}

const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

// [4 bytes: header length][header, JSON padded to 8 bytes][arrays, each padded to 8 bytes]
function decode(bytes) {
  const buffer = bytes.slice().buffer;
  const length = new DataView(buffer).getUint32(0, true);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const unpack = (change) => {
    const { dtype, start, shape } = change.array;
    const all = new ARRAYS[dtype](buffer, 4 + length + start, shape[0] * shape[1]);
    change.rows = Array.from({ length: shape[0] }, (_, i) => all.subarray(i * shape[1], (i + 1) * shape[1]));
  };
  message.base.forEach(unpack);
  for (const knob of message.knobs) knob.changes.forEach(unpack);
  return message;
}

// Plotly comes from this app's own server, once for all charts.
function plotly(url) {
  window.bnPlotly ??= new Promise((resolve, reject) => {
    const failed = () => {
      window.bnPlotly = undefined; // the next picture tries again
      reject(new Error(`could not load ${url}`));
    };
    document.head.append(element("script", { src: url, onload: resolve, onerror: failed }));
  });
  return window.bnPlotly;
}
