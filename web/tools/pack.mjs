// Checks what `npm publish` would send: packs the built library, and fails if a file is missing or does not belong
// there. Build the library before: `npx ng build greenroom`.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const BUILT = `${WEB}dist/greenroom`;
const SIZE_MAX = 1_000_000;

const NEEDED = [
  "package.json",
  "README.md",
  "LICENSE",
  "fesm2022/greenroom-core.mjs",
  "fesm2022/greenroom-angular.mjs",
  "types/greenroom-core.d.ts",
  "types/greenroom-angular.d.ts",
];

/** Everything that may be in the package. */
const ALLOWED = [
  /^(package\.json|README\.md|LICENSE)$/,
  /^(core|angular)\/package\.json$/,
  /^fesm2022\/greenroom[\w-]*\.mjs(\.map)?$/,
  /^types\/greenroom[\w-]*\.d\.ts$/,
];

const problems = [];
const [packed] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: BUILT, encoding: "utf8" }));
const names = packed.files.map(({ path }) => path);
for (const name of NEEDED) if (!names.includes(name)) problems.push(`${name} is missing.`);
for (const name of names) {
  if (!ALLOWED.some((form) => form.test(name))) problems.push(`${name} does not belong in the package.`);
}
if (packed.size > SIZE_MAX) problems.push(`The package has ${packed.size} bytes, more than ${SIZE_MAX}.`);

const read = (path) => readFileSync(path, "utf8");
if (read(`${WEB}greenroom/LICENSE`) !== read(`${WEB}../LICENSE`))
  problems.push("greenroom/LICENSE differs from the project's.");
const bundles = names.filter((name) => /\.(mjs|d\.ts)$/.test(name)).map((name) => [name, read(`${BUILT}/${name}`)]);
for (const [name, text] of bundles) {
  if (/from ["'](vitest|node:|\.\.?\/.*\.spec)/.test(text))
    problems.push(`${name} imports a module that only tests need.`);
}
problems.push(...undeclared(bundles.filter(([name]) => name.endsWith(".mjs"))));

console.log(`${packed.filename}: ${names.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

/** Return the packages that are imported, but are neither dependencies nor peers. */
function undeclared(modules) {
  const { name: own, dependencies, peerDependencies } = JSON.parse(read(`${BUILT}/package.json`));
  const declared = new Set([own, ...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
  const imported = modules.flatMap(([, text]) => [
    ...[...text.matchAll(/^(?:import|export) (?:[^;]*? from )?["']([^"'.][^"']*)["'];/gm)].map(([, path]) => path),
    ...[...text.matchAll(/\bimport\(["']([^"'.][^"']*)["']\)/g)].map(([, path]) => path),
  ]);
  const packages = new Set(imported.map((path) => /^(@[^/]+\/[^/]+|[^/]+)/.exec(path)[1]));
  return [...packages]
    .filter((one) => !declared.has(one))
    .map((one) => `${one} is imported, but not declared in package.json.`);
}
