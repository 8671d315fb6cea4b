/**
 * Pins the packages of package.json without addresses, because developers use different registries.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("package-lock.json", import.meta.url);

execFileSync("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"], {
  cwd: new URL(".", import.meta.url),
  stdio: "inherit",
});
const lock = JSON.parse(readFileSync(FILE, "utf8"));
for (const entry of Object.values(lock.packages)) {
  delete entry.funding;
  if (!entry.link) delete entry.resolved;
}
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
