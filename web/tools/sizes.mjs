// Checks the sizes of what an app loads: bundles parts of the library as an app does, and fails above a limit.
// Sizes are KB (1000 bytes) after esbuild's minifier and gzip -9.
import { build } from "esbuild";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const WEB = fileURLToPath(new URL("..", import.meta.url));

/** Exports with a limit of their own, and the texts that a bundler leaves out of an app in English. */
const NOT_IN_CORE = ["ARABIC", "Uploads"];

/** What an app imports, and the limit of what is loaded at once. */
const PARTS = [
  {
    name: "core without uploads, in one language, without its dependencies",
    code: `export { ${await exportsOf("greenroom/core", NOT_IN_CORE)} } from "greenroom/core";`,
    limitKb: 20,
    isAlone: true,
  },
  {
    name: "playback alone, with dependencies, without firebase",
    code: 'export { Playback } from "greenroom/core";',
    limitKb: 12,
    without: ["hls.js", "@uppy", "tus-js-client", "@xmpp"],
  },
  {
    name: "uploads alone, with dependencies, without firebase",
    code: 'export { Uploads } from "greenroom/core";',
    limitKb: 45,
    without: ["hls.js", "@xmpp"],
  },
  {
    name: "slides alone, with dependencies, without firebase",
    code: 'export { SlidesFollower, SlidesPresenter, RecordedSlides, XmppSlides } from "greenroom/core";',
    limitKb: 12,
    without: ["hls.js", "@uppy", "tus-js-client", "@xmpp"],
  },
];

const gzipKb = (contents) => gzipSync(contents, { level: 9 }).length / 1000;

/** Bundle a part, and return its outputs. */
async function bundle({ code, isAlone }) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: WEB, loader: "ts" },
    absWorkingDir: WEB,
    tsconfig: `${WEB}/tsconfig.json`,
    bundle: true,
    minify: true,
    charset: "utf8",
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    outdir: "out",
    write: false,
    metafile: true,
    logLevel: "error",
    plugins: [externals(isAlone)],
  });
  return { outputFiles, metafile };
}

/** Leave out firebase, which an app has anyway, and all packages if the part is measured alone. */
function externals(isAlone) {
  const setup = ({ onResolve }) =>
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === "entry-point" || path.startsWith("greenroom/")) return undefined;
      return isAlone || path.startsWith("firebase/") ? { path, external: true } : undefined;
    });
  return { name: "externals", setup };
}

/** Return the names that an entry point exports, except for some. */
async function exportsOf(entry, without) {
  const { metafile } = await bundle({ code: `export * from "${entry}";`, isAlone: true });
  const { exports } = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined);
  for (const name of without) if (!exports.includes(name)) throw new Error(`${entry} exports no ${name}.`);
  return exports.filter((name) => !without.includes(name)).join(", ");
}

/** Return the names of the outputs that are loaded with these, by imports of some kinds. */
function loadedBy(names, kinds, { outputs }) {
  const found = new Set(names);
  for (const name of found) {
    for (const { path, kind, external } of outputs[name].imports)
      if (!external && kinds.includes(kind)) found.add(path);
  }
  return found;
}

for (const part of PARTS) {
  const { outputFiles, metafile } = await bundle(part);
  const entries = Object.keys(metafile.outputs).filter((name) => basename(name) === "stdin.js");
  const names = loadedBy(entries, ["import-statement"], metafile);
  const sizeOf = (name) => gzipKb(outputFiles.find(({ path }) => path.endsWith(name.slice("out".length))).contents);
  const atOnceKb = [...names].reduce((sum, name) => sum + sizeOf(name), 0);
  const reached = loadedBy(names, ["import-statement", "dynamic-import"], metafile);
  const later = [...reached].filter((name) => !names.has(name));
  const laterKb = later.reduce((sum, name) => sum + sizeOf(name), 0);
  console.log(
    `${atOnceKb.toFixed(1).padStart(6)} KB of at most ${part.limitKb}: ${part.name}` +
      (later.length === 0 ? "" : `; loaded when needed: ${laterKb.toFixed(1)} KB`),
  );
  if (atOnceKb > part.limitKb) fail(`${part.name} is too large.`);
  const inputs = [...names].flatMap((name) => Object.keys(metafile.outputs[name].inputs));
  for (const name of part.without ?? []) {
    if (inputs.some((input) => input.includes(`node_modules/${name}`))) fail(`${part.name} loads ${name} at once.`);
  }
}

function fail(sentence) {
  console.error(sentence);
  process.exitCode = 1;
}
