// Deploys several times to one project, with firebase-tools' own command and without a cloud: project.cjs answers it.
// Prints, as JSON, after each deployment the project's resources by their names, and the error if there was one.
// Called by test_existing_app.py: node deploying_beside.cjs PROJECT DEPLOYMENTS DATABASES SECRETS. The last three are
// JSON: [{folder, only, force}], and the names of databases and secrets that the project has.
// Before firebase-tools: it chooses the ports at which functions are discovered.
require("../testbed/firebase-tools.cjs");
const { Project, answerAll } = require("./project.cjs");

const [, , projectId, deployments, databases, secrets] = process.argv;
const project = new Project(projectId, JSON.parse(databases), JSON.parse(secrets));
answerAll(project);
const firebase = require("firebase-tools");
const { useConsoleLoggers } = require("firebase-tools/lib/logger");

async function deploy({ folder, only, force }) {
  const options = { cwd: folder, project: projectId, only, force, token: "any", nonInteractive: true };
  const error = await firebase.deploy(options).then(
    () => "",
    (failed) => failed.message,
  );
  return { resources: structuredClone(project.resources), error };
}

async function deployAll() {
  const told = [];
  for (const deployment of JSON.parse(deployments)) told.push(await deploy(deployment));
  return told;
}

useConsoleLoggers();
deployAll()
  .catch((error) => [{ resources: {}, error: error.stack }])
  .then((told) => process.stdout.write(`\n${JSON.stringify(told)}`, () => process.exit(0)));
