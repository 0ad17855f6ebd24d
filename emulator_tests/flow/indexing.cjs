// Does what `firebase deploy --force --only firestore:indexes` does, with firebase-tools' own code, to a project of which
// it is told; prints the requests that would change it.
// Called by test_deploying.py: node indexing.cjs SPEC PROJECT, both JSON: firestore.indexes.json and {indexes, fields}.
const { FirestoreApi } = require("firebase-tools/lib/firestore/api");

const [, , spec, project] = process.argv;
const { indexes, fieldOverrides } = JSON.parse(spec);
const there = JSON.parse(project);
const requests = [];

async function change(method, url, body) {
  requests.push({ method, url, body });
  return { body: {} };
}

const api = new FirestoreApi();
api.apiClient = {
  get: async (url) => ({ body: url.includes("/indexes") ? { indexes: there.indexes } : { fields: there.fields } }),
  post: (url, body) => change("POST", url, body),
  patch: (url, body) => change("PATCH", url, body),
  delete: (url) => change("DELETE", url),
};
api
  .deploy({ project: "my-school", force: true, nonInteractive: true }, indexes, fieldOverrides)
  .then(() => ({ requests }))
  .catch((error) => ({ error: error.message }))
  .then((told) => process.stdout.write(JSON.stringify(told), () => process.exit(0)));
