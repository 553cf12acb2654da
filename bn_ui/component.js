// What the custom components have in common; bn_ui/component.py puts it before each of them.

// The default export of a component: one object for each place in the page, which receives every
// new message and the function that tells Python something, and closes when its place is gone.
function mounted(make) {
  const places = new WeakMap();
  return ({ data, parentElement, setTriggerValue }) => {
    if (!data) return undefined;
    if (!places.has(parentElement)) places.set(parentElement, make(parentElement));
    const widget = places.get(parentElement);
    widget.receive(data, setTriggerValue);
    return () => {
      // Streamlit also runs this when the next call supersedes this one: the widget then stays.
      if (parentElement.isConnected) return;
      places.delete(parentElement);
      widget.close();
    };
  };
}

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}

function vector(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// Text that stays the same costs the page no layout.
function say(box, text) {
  if (box.textContent !== text) box.textContent = text;
}

// Colours of the theme that the page has: those that Python sent, and the page's own.
function pagePalette(root, palettes) {
  const style = getComputedStyle(root);
  const read = (name) => style.getPropertyValue(name).trim();
  const probe = element("canvas", { width: 1, height: 1 }).getContext("2d");
  probe.fillStyle = read("--st-background-color") || "#fff";
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  const theme = red + green + blue < 384 ? "dark" : "light";
  return {
    ...palettes[theme],
    theme,
    text: read("--st-text-color"),
    background: read("--st-background-color"),
    border: read("--st-border-color"),
    font: read("--st-font"),
  };
}
