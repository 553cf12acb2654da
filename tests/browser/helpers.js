// What the browser tests ask of the page; put into it after each visit.
window.bn = {
  root: () => document.querySelector('.bn-live:has([data-knob])'),
  figure: () => bn.root().querySelector('.bn-figure'),
  idle: () => {
    const app = document.querySelector('[data-testid="stApp"]');
    return app?.dataset.testScriptState === 'notRunning';
  },
  // Whole numbers behind one of the four histograms, without the step that is drawn twice.
  histogram: (name) => {
    const [axis, fill] = {
      x: ['x', 'tozeroy'],
      x_hat: ['x2', 'none'],
      y: ['x2', 'tozeroy'],
      activation: ['x4', 'tozerox'],
    }[name];
    const isIt = (trace) => trace.xaxis === axis && trace.fill === fill && trace.customdata;
    const trace = bn.figure().data?.find(isIt);
    return trace ? Array.from(trace.customdata).slice(0, -1) : null;
  },
  shows: (wanted) =>
    Object.entries(wanted).every(([name, counts]) => bn.histogram(name)?.join() === counts.join()),
  drawn: () => {
    const charts = [...document.querySelectorAll('.bn-live')];
    return bn.root() && charts.every((chart) => chart.dataset.pictures > 0);
  },
  settled: () => {
    const { sent, token, shown } = bn.root()?.dataset ?? {};
    return bn.idle() && shown === '{}' && Number(token) >= Number(sent ?? 0);
  },
  until: (holds, what) => new Promise((done, fail) => {
    const end = performance.now() + 30_000; // ms until it counts as failed
    const look = () => {
      if (holds()) done();
      else if (performance.now() > end) fail(new Error(`never saw: ${what}`));
      else requestAnimationFrame(look);
    };
    look();
  }),
  nextFrame: () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  everything: () => {
    const all = (selector, what) => [...document.querySelectorAll(selector)].map((e) => e[what]);
    return {
      title: all('h1', 'innerText'),
      outputs: all('[data-knob] output', 'textContent'),
      positions: all('[data-knob] input', 'value'),
      boxes: all('input[type=number]', 'value'),
      chosen: all('[role=radio][aria-checked=true]', 'innerText'),
      cells: all('[data-cell]', 'textContent'),
      paragraphs: all('[data-testid=stMain] p', 'innerText'),
      data: bn.figure().data.map((trace) => [Array.from(trace.x), Array.from(trace.y)]),
    };
  },
  // The same, once it has stayed the same for thirty frames: what stands further down comes later.
  atRest: () => bn.still(bn.everything, () => bn.drawn() && bn.settled()),
  still: async (read, holds) => {
    let [seen, frames] = ['', 0];
    await bn.until(() => {
      const now = holds() ? JSON.stringify(read()) : '';
      frames = now && now === seen ? frames + 1 : 0;
      seen = now;
      return frames >= 30;
    }, 'a page at rest');
    return JSON.parse(seen);
  },
  pictures: [], // one entry for each picture drawn since `watch`
  positions: {}, // every position each knob was seen at since `watch`, in order
  watch: () => {
    bn.pictures.length = 0;
    const root = bn.root();
    const note = () => bn.pictures.push({ y: bn.histogram('y').join(), shown: root.dataset.shown });
    const drawn = { attributes: true, attributeFilter: ['data-pictures'] };
    new MutationObserver(note).observe(root, drawn);
    const look = () => {
      for (const box of bn.root()?.querySelectorAll('[data-knob]') ?? []) {
        const seen = bn.positions[box.dataset.knob] ??= [];
        const now = Number(box.querySelector('input').value);
        if (seen.at(-1) !== now) seen.push(now);
      }
      requestAnimationFrame(look);
    };
    look();
  },
};
