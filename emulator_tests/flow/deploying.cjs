// Does what `firebase deploy` does until it would ask for something or has everything, with firebase-tools' own code;
// prints what it prints, and at last what it would deploy, or its error. It does not look into Secret Manager.
// Called by test_deploying.py: node deploying.cjs SOURCE FOLDER PROJECT STANZA, settings in FOLDER/.env.PROJECT. STANZA is
// one of `functions` in firebase.json, without its source.
const { applyEndpointPrefix, resolveBackend } = require("firebase-tools/lib/deploy/functions/build");
const { allEndpoints, empty } = require("firebase-tools/lib/deploy/functions/backend");
const { Delegate } = require("firebase-tools/lib/deploy/functions/runtimes/python");
const { endpointsAreValid } = require("firebase-tools/lib/deploy/functions/validate");
const { loadFirebaseEnvs, loadUserEnvs } = require("firebase-tools/lib/functions/env");
const { addKitPrefix, isKitConfig, normalizeAndValidate } = require("firebase-tools/lib/functions/projectConfig");
const { useConsoleLoggers } = require("firebase-tools/lib/logger");

const portfinder = require(require.resolve("portfinder", { paths: [require.resolve("firebase-tools")] }));

// It looks for a free port from 8081 on, as every stack does that starts at the same moment: the first that listens there
// would answer for both.
const findPort = portfinder.getPortPromise;
const firstPort = 10_000 + 500 * Number(process.env.TESTBED_LANE ?? 0);
portfinder.getPortPromise = () => findPort({ port: firstPort });

const [, , source, folder, projectId, stanza] = process.argv;

async function wouldDeploy() {
  const firebaseConfig = { projectId };
  const userEnvs = loadUserEnvs({ functionsSource: folder, projectId, projectDir: folder });
  const envs = { ...userEnvs, ...loadFirebaseEnvs(firebaseConfig, projectId) };
  const [config] = normalizeAndValidate([{ ...JSON.parse(stanza), source }]);
  const codebase = isKitConfig(config) ? Object.keys(config.instances)[0] : config.codebase;
  const build = await new Delegate(projectId, source, config.runtime).discoverBuild({}, envs);
  applyEndpointPrefix(build, isKitConfig(config) ? addKitPrefix(codebase) : config.prefix);
  // Only what it takes for an emulator does without secrets.
  const how = { codebase, nonInteractive: true, isEmulator: true };
  const { backend } = await resolveBackend({ build, firebaseConfig, userEnvs, ...how });
  endpointsAreValid(backend, empty());
  const functions = allEndpoints(backend).map((endpoint) => ({
    name: endpoint.id,
    entryPoint: endpoint.entryPoint,
    database: endpoint.eventTrigger?.eventFilters?.database,
    region: endpoint.region,
    memoryMb: endpoint.availableMemoryMb,
    maxInstances: endpoint.maxInstances,
    minInstances: endpoint.minInstances,
    serviceAccount: endpoint.serviceAccount,
    trigger: Object.keys(endpoint).find((key) => key.endsWith("Trigger")),
    secrets: (endpoint.secretEnvironmentVariables ?? []).map((secret) => secret.key),
  }));
  const secrets = build.params.filter((param) => param.type === "secret").map((param) => param.name);
  return { functions, secrets };
}

useConsoleLoggers();
wouldDeploy()
  .catch((error) => ({ error: error.message }))
  // It leaves a clock running that nothing stops.
  .then((told) => process.stdout.write(`\n${JSON.stringify(told)}`, () => process.exit(0)));
