// What is the page's and not a part's: its language, for screen readers and line breaks, and a stop
// for the Tab key at every table that scrolls sideways, so that the arrow keys can scroll it.

const SCROLLED = "[data-testid=stTable] > div"; // Streamlit's; ours have their stop in their HTML

export default mounted(() => new PageAids());

class PageAids {
  constructor() {
    this.known = new WeakSet();
    this.sizes = new ResizeObserver((all) => all.forEach(({ target }) => reach(target.closest(SCROLLED))));
    this.arrivals = new MutationObserver(() => this.look());
    this.arrivals.observe(document.body, { childList: true, subtree: true });
  }

  receive(bytes) {
    // Streamlit says "en" whatever it shows.
    document.documentElement.lang = JSON.parse(new TextDecoder().decode(bytes)).lang;
    this.look();
  }

  look() {
    for (const box of document.querySelectorAll(SCROLLED)) {
      if (this.known.has(box)) continue;
      this.known.add(box);
      this.sizes.observe(box);
      this.sizes.observe(box.firstElementChild);
    }
  }

  close() {
    this.arrivals.disconnect();
    this.sizes.disconnect();
  }
}

function reach(box) {
  if (!box) return;
  const scrolls = box.scrollWidth > box.clientWidth;
  const name = box.firstElementChild.getAttribute("aria-label") ?? "";
  const told = { tabindex: 0, role: "group", "aria-label": name };
  for (const [key, value] of Object.entries(told)) {
    if (scrolls) box.setAttribute(key, value);
    else box.removeAttribute(key);
  }
  box.classList.toggle("bn-scrolled", scrolls);
}
