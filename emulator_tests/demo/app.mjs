// The browser app of the demo: each user's own sign-in, listeners that wait, and the lines that tell the story.

import { deleteApp, initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth, signInWithEmailAndPassword } from "firebase/auth";
import { connectFirestoreEmulator, doc, getFirestore, onSnapshot, serverTimestamp, terminate, updateDoc } from "firebase/firestore";
import { connectFunctionsEmulator, getFunctions, httpsCallable } from "firebase/functions";

export const DEADLINE_MS = 90_000;
export const environment = process.env;
const beganAt = performance.now();
let stepAt = beganAt;

export class DemoError extends Error {}

export function say(text) {
  const now = performance.now();
  const seconds = (ms) => (ms / 1000).toFixed(2).padStart(6);
  console.log(`${seconds(now - beganAt)} s  (+${seconds(now - stepAt).trim()})  ${text}`);
  stepAt = now;
}

export function chapter(title) {
  console.log(`\n${title}`);
}

export function expect(condition, message) {
  if (!condition) throw new DemoError(message);
}

/** Start an app of its own for a user, and sign them in. */
export async function signIn(name) {
  const app = initializeApp({ apiKey: "demo", projectId: environment.GCLOUD_PROJECT }, name);
  const auth = getAuth(app);
  connectAuthEmulator(auth, `http://${environment.FIREBASE_AUTH_EMULATOR_HOST}`, { disableWarnings: true });
  const [firestoreHost, firestorePort] = environment.FIRESTORE_EMULATOR_HOST.split(":");
  const firestore = getFirestore(app);
  connectFirestoreEmulator(firestore, firestoreHost, Number(firestorePort));
  const functions = getFunctions(app, environment.DEMO_REGION);
  const { hostname, port } = new URL(environment.FUNCTIONS_URL);
  connectFunctionsEmulator(functions, hostname, Number(port));
  const { user } = await signInWithEmailAndPassword(auth, `${name}@example.com`, environment.DEMO_PASSWORD);
  return {
    uid: user.uid,
    at: (path) => doc(firestore, path),
    call: async (callable, data) => (await httpsCallable(functions, callable)(data)).data,
    close: async () => { await terminate(firestore); await deleteApp(app); },
  };
}

/** Return the error that a promise must be rejected with. */
export async function refusal(promise, message) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new DemoError(message);
}

/** Listen to a document until its fields meet a condition, and return them. */
export function until(reference, what, isMet, onChange = () => {}) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new DemoError(`timed out after ${DEADLINE_MS / 1000} s: ${what}`));
    }, DEADLINE_MS);
    const stop = onSnapshot(reference, (snapshot) => {
      const fields = snapshot.data();
      onChange(fields);
      let met;
      try { met = isMet(fields); } catch (error) { clearTimeout(timer); stop(); reject(error); return; }
      if (met) { clearTimeout(timer); stop(); resolve(fields); }
    }, (error) => { clearTimeout(timer); reject(new DemoError(`${what}: ${error.message}`)); });
  });
}

/** The fields that the rules demand of a new session: both times are the server's. */
export const serverTimes = () => ({ createdAt: serverTimestamp(), updatedAt: serverTimestamp() });

/** Change fields of a session. */
export const change = (session, fields) => updateDoc(session, { ...fields, updatedAt: serverTimestamp() });
