// Writes greenroom/api/{core,angular}.api.md: the public API of the library. `--check` writes nothing, and fails if a
// report would change. An empty report is always a failure: the build is broken then. Build the library first:
// `npx ng build greenroom`.
import { Extractor, ExtractorConfig } from "@microsoft/api-extractor";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const TYPES = `${WEB}/dist/greenroom/types`;
const FRESH = `${WEB}/out-tsc/api`;
const isCheck = process.argv.includes("--check");

if (!existsSync(TYPES)) {
  console.error("The library is not built. Run: npx ng build greenroom");
  process.exit(1);
}

mkdirSync(`${WEB}/greenroom/api`, { recursive: true });
for (const name of ["core", "angular"]) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: WEB,
      mainEntryPointFilePath: `${TYPES}/greenroom-${name}.d.ts`,
      compiler: { overrideTsconfig: compilerSettings() },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: `${WEB}/greenroom/api`,
        reportTempFolder: FRESH,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: "lf",
      messages: messages(),
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: `${WEB}/dist/greenroom/package.json`,
  });
  const { apiReportChanged, succeeded } = Extractor.invoke(config, {
    localBuild: !isCheck,
    showVerboseMessages: false,
  });
  if (!/^export /m.test(readFileSync(`${FRESH}/${name}.api.md`, "utf8"))) {
    console.error(`greenroom/${name} exports nothing. Build the library again: npx ng build greenroom`);
    process.exitCode = 1;
  } else if (!succeeded || (isCheck && apiReportChanged)) {
    console.error(
      `greenroom/api/${name}.api.md does not match the exports of the library. Run \`npm run api\`, and commit it.`,
    );
    process.exitCode = 1;
  }
}

function compilerSettings() {
  const paths = { "greenroom/core": [`${TYPES}/greenroom-core.d.ts`] };
  const compilerOptions = { target: "ES2022", module: "ES2022", moduleResolution: "bundler", strict: true };
  return {
    compilerOptions: { ...compilerOptions, skipLibCheck: true, lib: ["ES2022", "DOM", "DOM.Iterable"], paths },
    files: ["core", "angular"].map((name) => `${TYPES}/greenroom-${name}.d.ts`),
  };
}

/** Errors fail. Release tags (`@public` and others) are not used: every export is public. */
function messages() {
  const quiet = { logLevel: "none" };
  return {
    compilerMessageReporting: { default: { logLevel: "warning" } },
    extractorMessageReporting: {
      default: { logLevel: "warning" },
      "ae-missing-release-tag": quiet,
      "ae-forgotten-export": quiet,
      "ae-undocumented": quiet,
    },
    tsdocMessageReporting: { default: quiet },
  };
}
