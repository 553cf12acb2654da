// Formulas, by Streamlit's own typesetter, which the page has loaded for its prose.

class Typesetter {
  constructor() {
    this.rendered = new Map(); // LaTeX → HTML
  }

  // Until the typesetter is there the source is shown.
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

  async load(path) {
    // This script itself runs from a blob:, which has no place that a path could start from.
    const { default: rehypeKatex } = await import(location.origin + path);
    const trust = ({ command }) => command === "\\htmlData";
    const transform = rehypeKatex({ trust, strict: false });
    this.typeset = (source) => {
      const tree = { type: "root", children: [formula(source)] };
      transform(tree, { message: () => {} });
      return html(tree);
    };
  }
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
