import type { Page } from "playwright-core";

/** Runs in the page: the contrast of each element's own text with the nearest background behind it. */
const LEAST_CONTRAST = `(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    const colour = parts(getComputedStyle(element).backgroundColor);
    return colour[3] === 0 ? behind(element.parentElement) : colour;
  };
  return [...document.querySelectorAll("body *")].map((element) => {
    const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    const text = texts.map((node) => node.textContent.trim()).join("");
    const [dark, light] = [parts(getComputedStyle(element).color), behind(element)]
      .map(luminance).sort((left, right) => left - right);
    return { text, ratio: (light + 0.05) / (dark + 0.05) };
  }).filter(({ text }) => text !== "").sort((left, right) => left.ratio - right.ratio)[0];
})()`;

/** The text of a page that stands out least from what is behind it, and by how much (WCAG 2.2, 1.4.3). */
export function leastContrast(page: Page): Promise<{ ratio: number; text: string }> {
  return page.evaluate(LEAST_CONTRAST);
}
