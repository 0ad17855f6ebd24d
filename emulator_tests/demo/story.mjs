// One session's story, as a browser app lives it: the Firebase SDK, a user's own sign-in, the rules in between.
//
// Run by `python -m emulator_tests.demo`, which starts the stack and hands over its addresses. Whatever is waited for is
// waited for by a listener, never by asking again, and at most for DEADLINE_MS.

import { mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { deleteApp, initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth, signInWithEmailAndPassword } from "firebase/auth";
import {
  connectFirestoreEmulator, deleteDoc, doc, getFirestore, onSnapshot, serverTimestamp, setDoc, terminate, Timestamp, updateDoc,
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
async function uploadToKaltura({ upload }, path) {
  const { size } = await stat(path);
  const file = await open(path);
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - at));
    await file.read(chunk, 0, chunk.length, at);
    const form = new FormData();
    form.set("ks", upload.ks);
    form.set("uploadTokenId", upload.uploadTokenId);
    form.set("resume", String(at > 0));
    form.set("resumeAt", String(at > 0 ? at : -1));
    form.set("finalChunk", String(at + chunk.length === size));
    form.set("fileData", new Blob([chunk], { type: "video/mp4" }), basename(path));
    const answer = await (await fetch(`${upload.url}?format=1`, { method: "POST", body: form })).json();
    expect(!answer.code, `Kaltura refused a chunk: ${answer.message}`);
    console.log(`              ${bar(Math.round((100 * (at + chunk.length)) / size))}  sent`);
  }
  await file.close();
  return size;
}

/** Sends a file by TUS, as tus-js-client does: this one is shorter than a chunk. */
async function uploadByTus({ upload, receivedBytes }, path) {
  const { size } = await stat(path);
  const headers = { "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(receivedBytes) };
  const answer = await fetch(upload.url, { method: "PATCH", headers, body: await readFile(path) });
  expect(answer.status === 204, `the server refused a chunk: ${answer.status} ${await answer.text()}`);
  console.log(`              ${bar(Math.round((100 * Number(answer.headers.get("upload-offset"))) / size))}  sent`);
  return size;
}

/** What sends a file, by the `protocol` that the answer of `issueUploadToken` names. */
const PROTOCOLS = { kaltura: uploadToKaltura, tus: uploadByTus };
const upload = (token, path) => PROTOCOLS[token.upload.protocol](token, path);

/** All bytes of the first quality of an HLS manifest, as a player fetches them. */
async function played(manifestUrl) {
  const [quality] = (await (await fetch(manifestUrl)).text()).split("\n").filter((line) => line && !line.startsWith("#"));
  const list = new URL(quality, manifestUrl);
  const segments = (await (await fetch(list)).text()).split("\n").filter((line) => line && !line.startsWith("#"));
  const parts = await Promise.all(segments.map(async (segment) => Buffer.from(await (await fetch(new URL(segment, list))).arrayBuffer())));
  return Buffer.concat(parts);
}

/** Which video at Cloudflare a playback token is for. */
function videoOf(grant) {
  return JSON.parse(Buffer.from(new URL(grant.manifestUrl).pathname.split("/")[1].split(".")[1], "base64url")).sub;
}

/** What is different at the providers of videos, for a browser. */
const PROVIDERS = {
  kaltura: {
    name: "Kaltura",
    /** What tells one film from another, as a viewer has it. */
    film: async (grant) => Buffer.from(await (await fetch(grant.progressiveUrl)).arrayBuffer()),
    isVery: async (film, path) => film.equals(await readFile(path)),
    bare: (grant) => grant.progressiveUrl.replace(/\?.*/, ""),
    cancelledIsGone: (token) => goneAtKaltura("uploadTokens", token.upload.uploadTokenId),
    videosAreGone: async () => {},
  },
  cloudflare: {
    name: "Cloudflare",
    film: async (grant) => Buffer.concat([Buffer.from(videoOf(grant)), await played(grant.manifestUrl)]),
    isVery: async (film) => film.length > 100_000 && film[32] === 0x47, // An MPEG transport stream begins so.
    bare: (grant) => grant.manifestUrl.replace(new URL(grant.manifestUrl).pathname.split("/")[1], videoOf(grant)),
    cancelledIsGone: (token) => goneAtCloudflare((video) => video.meta.greenroom.includes(token.videoId)),
    videosAreGone: () => goneAtCloudflare(() => true),
  },
};
const provider = PROVIDERS[environment.DEMO_PROVIDER];

/** Waits until Cloudflare has no such video any more. */
async function goneAtCloudflare(isMeant) {
  for (const until = performance.now() + DEADLINE_MS; performance.now() < until;) {
    const { videos } = await (await fetch(`${environment.CLOUDFLARE_PLAYBACK_URL}/_simulator/things`)).json();
    if (!videos.some(isMeant)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Broken(`a video is still at Cloudflare after ${DEADLINE_MS / 1000} s`);
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

/** What the rules demand of a new session: both times are the server's own. */
const written = () => ({ createdAt: serverTimestamp(), updatedAt: serverTimestamp() });

/** Change fields of a session. */
const change = (session, fields) => updateDoc(session, { ...fields, updatedAt: serverTimestamp() });

async function story() {
  chapter("A teacher uploads a video");
  const teacher = await signIn("teacher");
  say("the teacher has signed in");
  const session = teacher.at("sessions/on-demand");
  await setDoc(session, {
    ownerUid: teacher.uid, title: "Fractions", status: "draft", format: "onDemand", visibility: "enrolled",
    videoProvider: environment.DEMO_PROVIDER, ...written(),
  });
  say(`wrote a draft session, on demand, whose videos are at ${provider.name}`);
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
    sessionId: session.id, uid: environment.DEMO_STUDENT_UID, ownerUid: teacher.uid, createdAt: serverTimestamp(),
  });
  const student = await signIn("student");
  const early = await refusal(student.call("issuePlayback", { videoId: token.videoId }), "a draft was played");
  expect(early.details.code === "VIDEO_NOT_FOUND", `a draft was refused with ${early.details.code}`);
  say(`while it is a draft the student is refused: ${early.details.code}, "${early.message}"`);
  await change(session, { status: "public" });
  say("the teacher has enrolled the student and published the session");
  const grant = await student.call("issuePlayback", { videoId: token.videoId });
  const film = await provider.film(grant);
  expect(await provider.isVery(film, environment.DEMO_VIDEO), "the student got another film");
  say(`the student got ${film.length} bytes of film, of the very one that was uploaded`);
  const manifest = await (await fetch(grant.manifestUrl)).text();
  expect(manifest.startsWith("#EXTM3U"), "the student got no HLS manifest");
  say("and an HLS manifest for his player");
  const stranger = await signIn("stranger");
  const unknown = await refusal(stranger.call("issuePlayback", { videoId: token.videoId }), "a stranger got a grant");
  say(`a stranger is refused: ${unknown.details.code}, "${unknown.message}"`);
  const bare = await fetch(provider.bare(grant));
  const leaked = Buffer.from(await bare.arrayBuffer()).length;
  expect(leaked === 0 || !bare.ok, `the address without its token gave ${leaked} bytes`);
  say(`with the id at ${provider.name} alone he gets nothing: HTTP ${bare.status} ${bare.headers.get("x-kaltura") ?? ""}`.trimEnd());
  const meddling = await refusal(
    stranger.call("issueUploadToken", { sessionId: session.id, requestId: "x", fileName: "x.mp4", fileSizeBytes: 1 }),
    "a stranger may upload",
  );
  say(`nor may he upload: ${meddling.details.code}, "${meddling.message}"`);

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
  expect((await provider.film(meanwhile)).equals(film), "the old film stopped playing");
  say("while the new film is processed, the student still gets the old one");
  await replaced;
  const renewed = await student.call("issuePlayback", { videoId: token.videoId });
  const now = await provider.film(renewed);
  expect(!now.equals(film) && await provider.isVery(now, other), "the new film does not play");
  await rm(folder, { recursive: true });
  say("and once it is ready, the new one");
  const cancelled = await teacher.call("issueUploadToken", {
    sessionId: session.id, requestId: "film-3", fileName: "mistake.mp4", fileSizeBytes: 5_000_000,
  });
  await teacher.call("cancelUpload", { videoId: cancelled.videoId });
  await provider.cancelledIsGone(cancelled);
  say(`an upload that he cancelled is gone at ${provider.name}, and nothing can be sent to it any more`);

  chapter("A live session goes public, back to draft, and away");
  const live = teacher.at("sessions/live");
  const startsAt = new Date(Date.now() + 3_600_000);
  await setDoc(live, {
    ownerUid: teacher.uid, title: "Questions and answers", status: "draft", format: "liveStreaming", visibility: "open",
    startsAt: Timestamp.fromDate(startsAt), endsAt: Timestamp.fromDate(new Date(startsAt.getTime() + 3_600_000)),
    ...written(),
  });
  expect(!(await things("entries")).some((entry) => entry.name === "Questions and answers"), "a draft made an event");
  say("wrote a draft live session; Kaltura has nothing of it");
  await change(live, { status: "public" });
  const { kaltura } = await seen(live, "the event's appearing", (fields) => fields.kaltura?.state === "ready");
  say(`published: its event is there, entry ${kaltura.entryId}, virtual event ${kaltura.virtualEventId}`);
  await change(live, { status: "draft" });
  await seen(live, "the ref's going", (fields) => fields.kaltura === undefined);
  say("back to draft: the document names no event any more");
  await goneAtKaltura("entries", kaltura.entryId);
  await goneAtKaltura("scheduleEvents", kaltura.eventId);
  say("and after the grace Kaltura has reaped it");
  await change(live, { status: "public" });
  const again = await seen(live, "the new event's appearing", (fields) => fields.kaltura?.state === "ready");
  say(`published again: a new event, entry ${again.kaltura.entryId}`);

  chapter("People enter the live session, it is broadcast, and its recording stays");
  await change(live, {
    startsAt: Timestamp.fromDate(new Date()), endsAt: Timestamp.fromDate(new Date(Date.now() + 3_600_000)),
  });
  const joined = await student.call("joinSession", { sessionId: live.id });
  expect(joined.entryId === again.kaltura.entryId && !joined.isModerator, "the student entered another event");
  const given = ["player", "chat", "room"].filter((name) => joined[name] !== null);
  say(`its time has come, and the student is in, with one call: ${given.join(", ")}, good until ${joined.player.expiresAt}`);
  await teacher.call("setModerator", { sessionId: live.id, uid: student.uid, isModerator: true });
  expect((await student.call("joinSession", { sessionId: live.id })).isModerator, "he does not moderate");
  say("the teacher has named him a moderator, so now he is one");
  const ingest = await teacher.call("getStreamIngest", { sessionId: live.id });
  const curious = await refusal(student.call("getStreamIngest", { sessionId: live.id }), "a student got the stream key");
  say(`the teacher's encoder may send to ${ingest.url.split("?")[0]}; the student is refused that: ${curious.details.code}`);
  await encode(again.kaltura.entryId, { live: true });
  await seen(live, "its being on the air", (fields) => fields.kaltura?.broadcast === "live");
  expect((await (await fetch(joined.player.manifestUrl)).text()).startsWith("#EXTM3U"), "the broadcast does not play");
  say("the encoder sends: the session document says live, and the student's player has a picture");
  await encode(again.kaltura.entryId, { live: false, recording: environment.DEMO_VIDEO });
  await change(live, { endsAt: Timestamp.fromDate(new Date()) });
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
  await provider.videosAreGone();
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
