// Read the words of a call of `firebase` as firebase-tools reads them, and select what it would delete, with its own code.
// Called by fake_cloud.py: node firebase.cjs WORDS ENDPOINTS, both JSON. It prints {project, account, selected}, or
// {error}. The command itself does not run: it would contact Google.
const client = require("firebase-tools/lib/index.js");
const backend = require("firebase-tools/lib/deploy/functions/backend");
const helper = require("firebase-tools/lib/deploy/functions/functionsDeployHelper");

const [words, endpoints] = process.argv.slice(2).map((text) => JSON.parse(text));

function told(what) {
  process.stdout.write(JSON.stringify(what), () => process.exit(0));
}

const command = client.getCommand(words[0]);
if (words[0] !== "functions:delete" || !command) {
  told({ error: `${words[0]} is not a command that the fake knows.` });
} else {
  client.cli.exitOverride().configureOutput?.({ writeErr: () => {} });
  command.exitOverride?.();
  command.action((filters, options, extra) => {
    const { project, account, nonInteractive } = client.cli.opts();
    const codebases = [...new Set(endpoints.map((one) => one.codebase ?? "default"))];
    const parsed = helper.parseDeleteFilters(filters, codebases);
    const inRegion = endpoints.filter((one) => !command.opts().region || one.region === command.opts().region);
    const selected = inRegion.filter((one) => helper.endpointMatchesAnyFilter(one, parsed));
    const sure = Boolean(command.opts().force) && Boolean(nonInteractive);
    told({ project, account, sure, selected: selected.map((one) => backend.functionName({ ...one, project })) });
  });
  try {
    client.cli.parse(["node", "firebase", ...words]);
  } catch (error) {
    told({ error: error.message });
  }
}
