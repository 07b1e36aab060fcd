// Lighthouse on the pages of an agent, as a phone sees them (mobile form factor, its slow network and CPU).
//
//   npm install --prefix /tmp/lighthouse lighthouse@13 puppeteer-core@24
//   NODE_PATH=/tmp/lighthouse/node_modules node benchmarks/lighthouse.mjs http://127.0.0.1:8000 agent PASSWORD
//
// Needs a running portal with demo data and Chromium (CHROME_PATH, else /usr/bin/chromium). Signs in through the form,
// then measures /assigned, /area, /search, /me and /corrections/. Prints a Markdown table; ends with 1 below 90.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const resolve = createRequire(`${process.env.NODE_PATH || "."}/`).resolve;
const lighthouse = (await import(pathToFileURL(resolve("lighthouse")))).default;
const puppeteer = (await import(pathToFileURL(resolve("puppeteer-core")))).default;
const [origin, user, password] = process.argv.slice(2);
const categories = ["performance", "accessibility", "best-practices"];
const browser = await puppeteer.launch({
  executablePath: process.env.CHROME_PATH || "/usr/bin/chromium",
  args: process.getuid() === 0 ? ["--no-sandbox"] : [],
});
const page = await browser.newPage();
await page.goto(`${origin}/login`);
await page.type("input[name=username]", user);
await page.type("input[name=password]", password);
await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
if (page.url().includes("/login")) throw new Error("not signed in");
let least = 100;
console.log(`| page | ${categories.join(" | ")} | first paint | largest paint | blocked | bytes |`);
console.log("|---|---|---|---|---|---|---|---|");
for (const path of ["/assigned", "/area", "/search", "/me", "/corrections/"]) {
  const { lhr } = await lighthouse(
    `${origin}${path}`,
    { formFactor: "mobile", onlyCategories: categories, disableStorageReset: true, logLevel: "error" },
    undefined,
    page,
  );
  const scores = categories.map((name) => Math.round(lhr.categories[name].score * 100));
  least = Math.min(least, ...scores);
  const shown = (name) => lhr.audits[name]?.displayValue ?? "–";
  console.log(
    `| ${path} | ${scores.join(" | ")} | ${shown("first-contentful-paint")} | ${shown("largest-contentful-paint")} |` +
      ` ${shown("total-blocking-time")} | ${Math.round((lhr.audits["total-byte-weight"]?.numericValue ?? 0) / 1000)} kB |`,
  );
  for (const audit of Object.values(lhr.audits)) {
    if (process.env.VERBOSE && audit.score !== null && audit.score < 0.9 && audit.scoreDisplayMode !== "informative") console.error(path, audit.id, audit.score);
  }
}
await browser.close();
process.exit(least < 90 ? 1 : 0);
