// Elements, formulas and numbers of the page.

export function el(tag, properties = {}, ...children) {
  const own = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) own.addEventListener(name.slice(2), value);
    else own.setAttribute(name, value === true ? "" : value);
  }
  own.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return own;
}

// "a_t" -> a with t below; what is read aloud has no marks.
export function math(text) {
  const [letter, below] = text.split("_");
  return el("span", { class: "math" }, el("i", {}, letter), below ? el("sub", {}, below) : null);
}

// A text in which `a_t` stands in backticks -> its nodes.
export function sentence(text) {
  return text.split("`").map((part, i) => (i % 2 ? math(part) : document.createTextNode(part)));
}

export function told(number) {
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  const text =
    size !== 0 && (size < 0.001 || size >= 1e5)
      ? number.toExponential(2)
      : size >= 100
        ? number.toFixed(1)
        : number.toFixed(3);
  return text.replace("-", "−");
}

export const clamp = (number, low, high) => Math.max(low, Math.min(high, number));
