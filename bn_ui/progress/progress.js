// Which questions were answered right, and the seed of their numbers, kept in this browser.
//
// Python says what it knows; what is kept here is told to Python once a session, and only if there
// is something. Whatever stands here instead of that is ignored, here and by Python.

const KEY = 'batch-normalization-quiz';
const LONGEST = 20_000; // characters

function kept() {
  try {
    const text = localStorage.getItem(KEY) ?? '';
    const found = text.length > LONGEST ? null : JSON.parse(text);
    const { seed, right } = found ?? {};
    return right && typeof right === 'object' ? { seed, right } : null;
  } catch {
    return null; // nothing there, no JSON, or a browser that keeps nothing
  }
}

function keep(what) {
  try {
    localStorage.setItem(KEY, JSON.stringify(what));
  } catch {
    // A browser that keeps nothing: the progress lasts as long as the page.
  }
}

function union(one, other) {
  const both = new Map(); // not an object: somebody may have kept a "constructor"
  for (const [chapter, names] of [...Object.entries(one), ...Object.entries(other)]) {
    if (Array.isArray(names)) both.set(chapter, new Set([...(both.get(chapter) ?? []), ...names]));
  }
  return Object.fromEntries([...both].map(([chapter, names]) => [chapter, [...names]]));
}

// What was answered right since.
function added(before, now) {
  const names = ([chapter, all]) => [chapter, all.filter((name) => !before[chapter]?.includes(name))];
  return Object.fromEntries(Object.entries(now).map(names));
}

class Progress {
  receive(data, tell) {
    const { session, cleared, heard, seed, right } = data;
    const here = kept();
    const met = session === this.session;
    const final = met && (cleared !== this.cleared || heard !== this.heard);
    const news = met ? added(this.right, right) : {};
    Object.assign(this, { session, cleared, heard, right });
    if (here && !met && !heard) {
      tell('stored', here); // Python's answer is what will be kept
      return;
    }
    // Another tab may have added something, or cleared it all: what is kept counts, and what is new
    // here. But what was cleared or refused in this one is gone.
    keep({ seed, right: final || !here ? right : union(here.right, news) });
  }

  close() {}
}

export default mounted(() => new Progress());
