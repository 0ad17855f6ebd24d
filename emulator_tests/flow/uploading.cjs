// Packs what `firebase deploy` would upload, with firebase-tools' own code; prints where the archive is.
// Called by test_deploying.py: node uploading.cjs SOURCE
const path = require("path");
const { prepareFunctionsUpload } = require("firebase-tools/lib/deploy/functions/prepareFunctionsUpload");

const [, , source] = process.argv;
const [config] = require(path.join(source, "firebase.json")).functions;

prepareFunctionsUpload(source, source, config, []).then((packed) => {
  process.stdout.write(packed.pathToSource, () => process.exit(0));
});
