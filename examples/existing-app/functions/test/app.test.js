// Tests the app on the emulators that the environment names, which `firebase emulators:exec` does.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { deleteApp, initializeApp } from "firebase-admin/app";
import { getAuth } from "firebase-admin/auth";
import { getFirestore } from "firebase-admin/firestore";

const { FIREBASE_AUTH_EMULATOR_HOST, FIRESTORE_EMULATOR_HOST, GCLOUD_PROJECT } = process.env;
const FUNCTIONS_EMULATOR_HOST = process.env.FUNCTIONS_EMULATOR_HOST ?? "127.0.0.1:5001";
const WITHIN_MS = 30_000;
const JSON_ONLY = { "Content-Type": "application/json" };
const app = initializeApp({ projectId: GCLOUD_PROJECT });
const database = getFirestore(app);
const documents = `http://${FIRESTORE_EMULATOR_HOST}/v1/projects/${GCLOUD_PROJECT}/databases/(default)/documents`;
let office, student;

async function signIn(claims) {
  const uid = randomUUID();
  const token = await getAuth(app).createCustomToken(uid, claims);
  const url = `http://${FIREBASE_AUTH_EMULATOR_HOST}/identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken?key=any`;
  const body = JSON.stringify({ token, returnSecureToken: true });
  const answer = await fetch(url, { method: "POST", headers: JSON_ONLY, body });
  assert.equal(answer.status, 200);
  return { uid, headers: { ...JSON_ONLY, Authorization: `Bearer ${(await answer.json()).idToken}` } };
}

async function call(person, name, data) {
  const url = `http://${FUNCTIONS_EMULATOR_HOST}/${GCLOUD_PROJECT}/us-central1/${name}`;
  const answer = await fetch(url, { method: "POST", headers: person.headers, body: JSON.stringify({ data }) });
  return answer.json();
}

async function write(person, path, fields) {
  const body = JSON.stringify({ fields });
  return (await fetch(`${documents}/${path}`, { method: "PATCH", headers: person.headers, body })).status;
}

const read = async (person, path) => (await fetch(`${documents}/${path}`, { headers: person.headers })).status;

/** Waits until a document exists, or does not. */
function exists(path, wanted) {
  return new Promise((resolve, reject) => {
    const finish = (error) => {
      clearTimeout(deadline);
      setImmediate(() => stop());
      if (error) reject(error);
      else resolve();
    };
    const deadline = setTimeout(() => finish(new Error(`${path}: exists is not ${wanted}`)), WITHIN_MS);
    const stop = database.doc(path).onSnapshot((snapshot) => {
      if (snapshot.exists === wanted) finish();
    }, finish);
  });
}

before(async () => {
  [office, student] = await Promise.all([signIn({ admin: true }), signIn({})]);
});

after(() => deleteApp(app));

test("the office writes the timetable, and students read it", async () => {
  const lesson = `sessions/${randomUUID()}`;
  const fields = { subject: { stringValue: "Physics" }, room: { stringValue: "B12" }, period: { integerValue: "3" } };
  assert.equal(await write(student, lesson, fields), 403);
  assert.equal(await write(office, lesson, fields), 200);
  assert.equal(await read(student, lesson), 200);
  assert.equal(await read({ headers: {} }, lesson), 403);
});

test("a lesson books its room, and frees the room that it leaves", async () => {
  const [id, first, second] = [randomUUID(), randomUUID(), randomUUID()];
  await database.doc(`sessions/${id}`).set({ subject: "Chemistry", room: first, period: 1 });
  await exists(`rooms/${first}/lessons/${id}`, true);
  await database.doc(`sessions/${id}`).update({ room: second });
  await exists(`rooms/${second}/lessons/${id}`, true);
  await exists(`rooms/${first}/lessons/${id}`, false);
});

test("people delete their own clips only", async () => {
  const clipId = randomUUID().replaceAll("-", "");
  assert.equal(await write(student, `videos/${clipId}`, { owner: { stringValue: student.uid } }), 200);
  assert.equal((await call(office, "deleteVideo", { clipId })).error.status, "PERMISSION_DENIED");
  assert.deepEqual(await call(student, "deleteVideo", { clipId }), { result: { deleted: true } });
  assert.equal(await read(student, `videos/${clipId}`), 404);
});

test("a call without a clip is refused", async () => {
  for (const data of [null, {}, { clipId: "../sessions" }, { clipId: 7 }]) {
    assert.equal((await call(student, "deleteVideo", data)).error.status, "INVALID_ARGUMENT");
  }
  const refused = await call({ headers: JSON_ONLY }, "deleteVideo", { clipId: "a" });
  assert.equal(refused.error.status, "UNAUTHENTICATED");
});
