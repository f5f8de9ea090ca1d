import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitepress";

const BASE = process.env.SITE_BASE ?? "/";
const PAGES = join(import.meta.dirname, "../pages");

/** As web front ends of git make anchors of headings, which the documents' links go by. */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

/** What a page calls itself. */
const titleOf = (page) => /^# (.*)$/m.exec(readFileSync(join(PAGES, page), "utf8"))?.[1] ?? page;
const item = (page, text) => ({ text: text ?? titleOf(page), link: `/${page.replace(/(index)?\.md$/, "")}` });
/** The pages of a folder beside its index. */
const folder = (name, nameOf = titleOf) =>
  readdirSync(join(PAGES, name))
    .filter((file) => file.endsWith(".md") && file !== "index.md")
    .sort()
    .map((file) => item(`${name}/${file}`, nameOf(`${name}/${file}`)));

const ITEMS = [
  { text: "Begin", items: [item("overview.md", "Overview"), item("docs/guide.md", "Guide")] },
  {
    text: "On a board",
    items: [
      item("docs/moddable.md", "Moddable"),
      item("docs/espruino.md", "Espruino"),
      item("docs/proofs.md"),
      item("docs/figures.md"),
    ],
  },
  {
    text: "In tests",
    items: [item("docs/testing.md", "Testing"), item("docs/cloud.md"), item("docs/simulation.md")],
  },
  {
    text: "In production",
    items: [
      item("docs/service.md"),
      item("host-sim/samples/index.md", "Brokers' settings"),
      item("docs/bench.md", "At a bench"),
      item("docs/operators.md", "Operators"),
    ],
  },
  {
    text: "Look up",
    items: [
      { ...item("docs/api.md", "API"), collapsed: true, items: folder("api") },
      { ...item("docs/cli/index.md", "Commands"), collapsed: true, items: folder("docs/cli") },
      item("docs/statuses.md"),
    ],
  },
  {
    text: "How and why",
    items: [
      item("SECURITY.md"),
      item("docs/promises.md"),
      item("firmware/DESIGN.md", "Design"),
      item("docs/wire.md"),
      item("firmware/RECORD.md", "Records in flash"),
      { ...item("docs/adr/index.md", "Decisions"), collapsed: true, items: folder("docs/adr") },
    ],
  },
  {
    text: "Change it",
    items: [item("CONTRIBUTING.md"), item("docs/extending.md"), item("CHANGELOG.md")],
  },
];

export default defineConfig({
  lang: "en",
  title: "motekey",
  description: "Device authentication for microcontrollers that run JavaScript",
  base: BASE,
  head: [["link", { rel: "icon", href: `${BASE}key.svg`, type: "image/svg+xml" }]],
  srcDir: "pages",
  outDir: "dist",
  cacheDir: "../.cache/vitepress",
  metaChunk: true,
  markdown: { theme: { light: "github-light", dark: "github-dark" }, anchor: { slugify: anchorOf } },
  themeConfig: {
    nav: [
      { text: "Board", link: "/docs/moddable" },
      { text: "Tests", link: "/docs/testing" },
      { text: "Server", link: "/docs/service" },
      { text: "API", link: "/docs/api" },
      { text: "Security", link: "/SECURITY" },
    ],
    sidebar: ITEMS,
    outline: [2, 3],
    search: { provider: "local" },
    footer: { message: "Apache-2.0" },
  },
});
