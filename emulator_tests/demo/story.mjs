// One session's story, as a browser app lives it: the Firebase SDK, a user's own sign-in, the rules in between.
//
// Run by `python -m emulator_tests.demo`, which starts the stack and hands over its addresses. Whatever is waited for is
// waited for by a listener, never by asking again, and at most for DEADLINE_MS.

import { createHash } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { deleteApp, initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth, signInWithEmailAndPassword } from "firebase/auth";
import {
  connectFirestoreEmulator, deleteDoc, doc, getFirestore, onSnapshot, setDoc, terminate, Timestamp, updateDoc,
} from "firebase/firestore";
import { connectFunctionsEmulator, getFunctions, httpsCallable } from "firebase/functions";

const DEADLINE_MS = 90_000;
const CHUNK_BYTES = 100_000; // Kaltura's smallest, so that a small film still shows progress.
const environment = process.env;
const beganAt = performance.now();
let stepAt = beganAt;

class Broken extends Error {}

function say(text) {
  const now = performance.now();
  const seconds = (ms) => (ms / 1000).toFixed(2).padStart(6);
  console.log(`${seconds(now - beganAt)} s  (+${seconds(now - stepAt).trim()})  ${text}`);
  stepAt = now;
}

function chapter(title) {
  console.log(`\n${title}`);
}

function expect(holds, otherwise) {
  if (!holds) throw new Broken(otherwise);
}

/** A person's own app, with their sign-in and their connections. */
async function signIn(name) {
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
    leave: async () => { await terminate(firestore); await deleteApp(app); },
  };
}

/** The refusal that a promise must end in. */
async function refusal(promise, otherwise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Broken(otherwise);
}

/** Waits until a document, as its listener tells it, is as it should be. */
function seen(reference, what, holds, onChange = () => {}) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(new Broken(`${what} did not happen within ${DEADLINE_MS / 1000} s`));
    }, DEADLINE_MS);
    const stop = onSnapshot(reference, (snapshot) => {
      const fields = snapshot.data();
      onChange(fields);
      let met;
      try { met = holds(fields); } catch (error) { clearTimeout(timer); stop(); reject(error); return; }
      if (met) { clearTimeout(timer); stop(); resolve(fields); }
    }, (error) => { clearTimeout(timer); reject(new Broken(`${what}: ${error.message}`)); });
  });
}

function bar(percent, width = 30) {
  const full = Math.round((percent / 100) * width);
  return `[${"#".repeat(full)}${".".repeat(width - full)}] ${String(percent).padStart(3)} %`;
}

/** Sends a file as Kaltura's browser clients do: the first chunk alone, then each at its place, the last one closes. */
async function upload(token, path) {
  const { size } = await stat(path);
  const file = await open(path);
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    await file.read(chunk, 0, chunk.length, at);
    const form = new FormData();
    form.set("ks", token.ks);
    form.set("uploadTokenId", token.uploadTokenId);
    form.set("resume", String(at > 0));
    form.set("resumeAt", String(at > 0 ? at : -1));
    form.set("finalChunk", String(at + chunk.length === size));
    form.set("fileData", new Blob([chunk], { type: "video/mp4" }), basename(path));
    const answer = await (await fetch(`${token.uploadUrl}?format=1`, { method: "POST", body: form })).json();
    expect(!answer.code, `Kaltura refused a chunk: ${answer.message}`);
    console.log(`              ${bar(Math.round((100 * (at + chunk.length)) / size))}  sent`);
  }
  await file.close();
  return size;
}

/** What only an encoder and Kaltura do with each other: the picture begins, or ends and leaves what was recorded. */
async function encode(entryId, what) {
  const sent = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ entryId, ...what }) };
  expect((await fetch(`${environment.KALTURA_URL}/_simulator/broadcast`, sent)).ok, "the encoder was refused");
}

async function things(kind) {
  const all = await (await fetch(`${environment.KALTURA_URL}/_simulator/things`)).json();
  return all[kind] ?? [];
}

/** Waits until nothing at Kaltura is called so. The only thing that is asked again: Kaltura has no listeners. */
async function goneAtKaltura(kind, id) {
  for (const until = performance.now() + DEADLINE_MS; performance.now() < until;) {
    if (!(await things(kind)).some((thing) => String(thing.id) === String(id))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Broken(`${kind} ${id} is still at Kaltura after ${DEADLINE_MS / 1000} s`);
}

async function story() {
  chapter("A teacher uploads a video");
  const teacher = await signIn("teacher");
  say("the teacher has signed in");
  const session = teacher.at("sessions/on-demand");
  await setDoc(session, {
    ownerUid: teacher.uid, title: "Fractions", status: "draft", format: "onDemand", visibility: "enrolled",
  });
  say("wrote a draft session, on demand");
  const token = await teacher.call("issueUploadToken", {
    sessionId: session.id, requestId: "film-1", fileName: basename(environment.DEMO_VIDEO),
    fileSizeBytes: (await stat(environment.DEMO_VIDEO)).size, title: "Halves and quarters",
  });
  say(`got an upload token for video ${token.videoId}, good until ${token.expiresAt}`);

  let last = "";
  const ready = seen(session, "the video's being ready", (fields) => {
    const video = fields.videos?.[token.videoId];
    expect(video?.state !== "failed", `the video failed: ${video?.failure?.message}`);
    return video?.state === "ready";
  }, (fields) => {
    const video = fields?.videos?.[token.videoId];
    const now = video ? `${video.state.padEnd(10)} ${bar(video.percent)}` : "";
    if (now && now !== last) say(`session document says: ${now}`);
    last = now;
  });
  ready.catch(() => {}); // It is awaited below; the upload may fail first.
  const size = await upload(token, environment.DEMO_VIDEO);
  say(`sent all of ${size} bytes`);
  const { videos } = await ready;
  say(`the video is ready: ${videos[token.videoId].durationS} s long`);

  chapter("A student watches it, a stranger does not");
  await setDoc(teacher.at(`enrolments/${session.id}_${environment.DEMO_STUDENT_UID}`), {
    sessionId: session.id, uid: environment.DEMO_STUDENT_UID, ownerUid: teacher.uid,
  });
  const student = await signIn("student");
  const early = await refusal(student.call("issuePlayback", { videoId: token.videoId }), "a draft was played");
  say(`while it is a draft the student is refused: ${early.code}, "${early.message}"`);
  await updateDoc(session, { status: "public" });
  say("the teacher has enrolled the student and published the session");
  const grant = await student.call("issuePlayback", { videoId: token.videoId });
  const played = await fetch(grant.progressiveUrl);
  const bytes = Buffer.from(await played.arrayBuffer());
  expect(played.ok && bytes.subarray(4, 8).toString() === "ftyp", `the student got no film (${played.status})`);
  const same = createHash("sha256").update(bytes).digest("hex")
    === createHash("sha256").update(await readFile(environment.DEMO_VIDEO)).digest("hex");
  say(`the student got ${bytes.length} bytes of film${same ? ", the very ones that were uploaded" : ""}`);
  const manifest = await (await fetch(grant.manifestUrl)).text();
  expect(manifest.startsWith("#EXTM3U"), "the student got no HLS manifest");
  say("and an HLS manifest for his player");
  const stranger = await signIn("stranger");
  const unknown = await refusal(stranger.call("issuePlayback", { videoId: token.videoId }), "a stranger got a grant");
  say(`a stranger is refused: ${unknown.code}, "${unknown.message}"`);
  const bare = await fetch(grant.progressiveUrl.replace(/\/ks\/[^/]+/, ""));
  const leaked = Buffer.from(await bare.arrayBuffer()).length;
  expect(leaked === 0 || !bare.ok, `the address without its KS gave ${leaked} bytes`);
  say(`with the entry's id alone he gets nothing: HTTP ${bare.status}, ${bare.headers.get("x-kaltura") ?? ""}`);
  const meddling = await refusal(
    stranger.call("issueUploadToken", { sessionId: session.id, requestId: "x", fileName: "x.mp4", fileSizeBytes: 1 }),
    "a stranger may upload",
  );
  say(`nor may he upload: ${meddling.code}, "${meddling.message}"`);

  chapter("The teacher replaces the video, and thinks better of another");
  const folder = await mkdtemp(join(tmpdir(), "greenroom-"));
  const other = join(folder, "second-take.mp4");
  // The same film with other bytes: a box at its end that players skip.
  await writeFile(other, Buffer.concat([await readFile(environment.DEMO_VIDEO), Buffer.from([0, 0, 0, 12]), Buffer.from("freetake")]));
  const take = await teacher.call("replaceVideo", {
    videoId: token.videoId, requestId: "film-2", fileName: basename(other), fileSizeBytes: (await stat(other)).size,
    title: "Halves, quarters and eighths",
  });
  const replaced = seen(session, "the new film's being ready", (fields) => {
    const video = fields.videos[token.videoId];
    expect(video.replacement?.state !== "failed", `the new film failed: ${video.replacement?.failure?.message}`);
    return video.title === "Halves, quarters and eighths";
  });
  replaced.catch(() => {});
  await upload(take, other);
  await seen(session, "the new film's being processed",
    (fields) => fields.videos[token.videoId].replacement?.state === "processing");
  const meanwhile = await student.call("issuePlayback", { videoId: token.videoId });
  expect(Buffer.from(await (await fetch(meanwhile.progressiveUrl)).arrayBuffer()).equals(bytes), "the old film stopped playing");
  say("while the new film is processed, the student still gets the old one");
  await replaced;
  const renewed = await student.call("renewPlayback", { videoId: token.videoId });
  const now = Buffer.from(await (await fetch(renewed.progressiveUrl)).arrayBuffer());
  expect(now.equals(await readFile(other)), "the new film does not play");
  await rm(folder, { recursive: true });
  say("and once it is ready, the new one");
  const cancelled = await teacher.call("issueUploadToken", {
    sessionId: session.id, requestId: "film-3", fileName: "mistake.mp4", fileSizeBytes: 5_000_000,
  });
  await teacher.call("cancelUpload", { videoId: cancelled.videoId });
  await goneAtKaltura("uploadTokens", cancelled.uploadTokenId);
  say("an upload that he cancelled is gone at Kaltura, and so is its token");

  chapter("A live session goes public, back to draft, and away");
  const live = teacher.at("sessions/live");
  const startsAt = new Date(Date.now() + 3_600_000);
  await setDoc(live, {
    ownerUid: teacher.uid, title: "Questions and answers", status: "draft", format: "liveStreaming", visibility: "open",
    startsAt: Timestamp.fromDate(startsAt), endsAt: Timestamp.fromDate(new Date(startsAt.getTime() + 3_600_000)),
  });
  expect(!(await things("entries")).some((entry) => entry.name === "Questions and answers"), "a draft made an event");
  say("wrote a draft live session; Kaltura has nothing of it");
  await updateDoc(live, { status: "public" });
  const { kaltura } = await seen(live, "the event's appearing", (fields) => fields.kaltura?.state === "ready");
  say(`published: its event is there, entry ${kaltura.entryId}, schedule event ${kaltura.eventId}`);
  await updateDoc(live, { status: "draft" });
  await seen(live, "the ref's going", (fields) => fields.kaltura === undefined);
  say("back to draft: the document names no event any more");
  await goneAtKaltura("entries", kaltura.entryId);
  await goneAtKaltura("scheduleEvents", kaltura.eventId);
  say("and after the grace Kaltura has reaped it");
  await updateDoc(live, { status: "public" });
  const again = await seen(live, "the new event's appearing", (fields) => fields.kaltura?.state === "ready");
  say(`published again: a new event, entry ${again.kaltura.entryId}`);

  chapter("People enter the live session, it is broadcast, and its recording stays");
  await updateDoc(live, {
    startsAt: Timestamp.fromDate(new Date()), endsAt: Timestamp.fromDate(new Date(Date.now() + 3_600_000)),
  });
  const joined = await student.call("joinSession", { sessionId: live.id });
  expect(joined.entryId === again.kaltura.entryId && !joined.isModerator, "the student entered another event");
  const given = ["player", "chat", "room"].filter((name) => joined[name] !== null);
  say(`its time has come, and the student is in, with one call: ${given.join(", ")}, good until ${joined.player.expiresAt}`);
  await teacher.call("setModerator", { sessionId: live.id, uid: student.uid });
  expect((await student.call("joinSession", { sessionId: live.id })).isModerator, "he does not moderate");
  say("the teacher has named him a moderator, so now he is one");
  const ingest = await teacher.call("getStreamIngest", { sessionId: live.id });
  const curious = await refusal(student.call("getStreamIngest", { sessionId: live.id }), "a student got the stream key");
  say(`the teacher's encoder may send to ${ingest.url.split("?")[0]}; the student is refused that: ${curious.code}`);
  await encode(again.kaltura.entryId, { live: true });
  await seen(live, "its being on the air", (fields) => fields.kaltura?.broadcast === "live");
  expect((await (await fetch(joined.player.manifestUrl)).text()).startsWith("#EXTM3U"), "the broadcast does not play");
  say("the encoder sends: the session document says live, and the student's player has a picture");
  await encode(again.kaltura.entryId, { live: false, recording: environment.DEMO_VIDEO });
  await updateDoc(live, { endsAt: Timestamp.fromDate(new Date()) });
  await seen(live, "its end", (fields) => fields.kaltura?.broadcast === "ended");
  say("the teacher has ended it: the session document says ended");
  const recorded = await seen(live, "the recording's being ready",
    (fields) => Object.values(fields.videos ?? {}).some((video) => video.state === "ready"));
  const [[recordingId, recording]] = Object.entries(recorded.videos);
  const watched = await student.call("issuePlayback", { videoId: recordingId });
  expect((await (await fetch(watched.manifestUrl)).text()).startsWith("#EXTM3U"), "the recording does not play");
  say(`its recording is a video of the session, "${recording.title}", ${recording.durationS} s long, and the student watches it`);

  chapter("Both sessions are deleted");
  const entryIds = (await things("entries")).map((entry) => entry.id);
  await deleteDoc(live);
  await deleteDoc(session);
  say("the teacher has deleted both sessions");
  for (const id of entryIds) await goneAtKaltura("entries", id);
  for (const { id } of await things("users")) if (String(id).startsWith("upload-")) await goneAtKaltura("users", id);
  for (const { id } of await things("uploadTokens")) await goneAtKaltura("uploadTokens", id);
  for (const { id } of await things("scheduleEvents")) await goneAtKaltura("scheduleEvents", id);
  say(`Kaltura has deleted the ${entryIds.length} entries and all that belonged to them`);
  await Promise.all([teacher.leave(), student.leave(), stranger.leave()]);
}

try {
  await story();
  process.exit(0);
} catch (error) {
  console.error(`\n${error instanceof Broken ? "" : `${error.code ?? error.name}: `}${error.message}`);
  process.exit(1);
}
