// The life of three sessions, seen by a browser app: the Firebase SDK, each user's own sign-in, and the security rules.
//
// Run by `python -m emulator_tests.demo`, which starts the stack and passes its addresses in the environment. Changes of
// documents are awaited by a listener, without polling, for at most DEADLINE_MS.

import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { deleteDoc, serverTimestamp, setDoc, Timestamp } from "firebase/firestore";

import { change, chapter, DEADLINE_MS, DemoError, environment, expect, refusal, say, serverTimes, signIn, until } from "./app.mjs";
import { showArchive } from "./archive.mjs";
import { untilBucketIsEmpty } from "./buckets.mjs";
import { showSlides } from "./slides.mjs";
import { bar, sendFile } from "./uploading.mjs";

/** Send a file, and show how far it is. */
const upload = (token, path) => sendFile(token, path, (percent) => console.log(`              ${bar(percent)}  sent`));

/** Load all segments of the first quality of an HLS manifest, as a player does. */
async function loadSegments(manifestUrl) {
  const [quality] = (await (await fetch(manifestUrl)).text()).split("\n").filter((line) => line && !line.startsWith("#"));
  const list = new URL(quality, manifestUrl);
  const segments = (await (await fetch(list)).text()).split("\n").filter((line) => line && !line.startsWith("#"));
  const parts = await Promise.all(segments.map(async (segment) => Buffer.from(await (await fetch(new URL(segment, list))).arrayBuffer())));
  return Buffer.concat(parts);
}

/** Return the Cloudflare id of the video that a playback token is for. */
function videoOf(grant) {
  return JSON.parse(Buffer.from(new URL(grant.manifestUrl).pathname.split("/")[1].split(".")[1], "base64url")).sub;
}

/** What a browser has to do differently for each provider. */
const PROVIDERS = {
  kaltura: {
    name: "Kaltura",
    /** Load the video as a viewer does. Different videos give different bytes. */
    load: async (grant) => Buffer.from(await (await fetch(grant.progressiveUrl)).arrayBuffer()),
    isContentOf: async (loaded, path) => loaded.equals(await readFile(path)),
    withoutToken: (grant) => grant.progressiveUrl.replace(/\?.*/, ""),
    untilCancelledIsGone: (token) => untilGoneAtKaltura("uploadTokens", token.upload.uploadTokenId),
    untilVideosAreGone: async () => {},
  },
  cloudflare: {
    name: "Cloudflare",
    load: async (grant) => Buffer.concat([Buffer.from(videoOf(grant)), await loadSegments(grant.manifestUrl)]),
    isContentOf: async (loaded) => loaded.length > 100_000 && loaded[32] === 0x47, // MPEG-TS, after the id.
    withoutToken: (grant) => grant.manifestUrl.replace(new URL(grant.manifestUrl).pathname.split("/")[1], videoOf(grant)),
    untilCancelledIsGone: (token) => untilGoneAtCloudflare((video) => video.meta.greenroom.includes(token.videoId)),
    untilVideosAreGone: () => untilGoneAtCloudflare(() => true),
  },
};
const provider = PROVIDERS[environment.DEMO_PROVIDER];

/** Wait until Cloudflare has no video that matches. Cloudflare has no listeners, so this polls. */
async function untilGoneAtCloudflare(matches) {
  for (const deadline = performance.now() + DEADLINE_MS; performance.now() < deadline;) {
    const { videos } = await (await fetch(`${environment.CLOUDFLARE_PLAYBACK_URL}/_simulator/things`)).json();
    if (!videos.some(matches)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new DemoError(`a video is still at Cloudflare after ${DEADLINE_MS / 1000} s`);
}

/** Start or end a broadcast in the simulator, in place of an encoder. One that ends may leave a recording. */
async function broadcast(entryId, change) {
  const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ entryId, ...change }) };
  expect((await fetch(`${environment.KALTURA_URL}/_simulator/broadcast`, request)).ok, "the encoder was refused");
}

/** Return the objects of a kind that exist at the Kaltura simulator. */
async function atKaltura(kind) {
  const all = await (await fetch(`${environment.KALTURA_URL}/_simulator/things`)).json();
  return all[kind] ?? [];
}

/** Wait until Kaltura has no object of this kind and id. Kaltura has no listeners, so this polls. */
async function untilGoneAtKaltura(kind, id) {
  for (const deadline = performance.now() + DEADLINE_MS; performance.now() < deadline;) {
    if (!(await atKaltura(kind)).some((object) => String(object.id) === String(id))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new DemoError(`${kind} ${id} is still at Kaltura after ${DEADLINE_MS / 1000} s`);
}

/** Tell of a video: the teacher uploads it, a student watches it, the teacher replaces it. Return it, with its session. */
async function showVideos(teacher, student) {
  chapter("A teacher uploads a video");
  const session = teacher.at("sessions/on-demand");
  await setDoc(session, {
    ownerUid: teacher.uid, title: "Fractions", status: "draft", format: "onDemand", visibility: "enrolled",
    videoProvider: environment.DEMO_PROVIDER, ...serverTimes(),
  });
  say(`the teacher created a draft on-demand session, with ${provider.name} as its video provider`);
  const token = await teacher.call("issueUploadToken", {
    sessionId: session.id, requestId: "upload-1", fileName: basename(environment.DEMO_VIDEO),
    fileSizeBytes: (await stat(environment.DEMO_VIDEO)).size, title: "Halves and quarters",
  });
  say(`the app got an upload token for video ${token.videoId}, valid until ${token.expiresAt}`);

  let last = "";
  const ready = until(session, "processing of the video", (fields) => {
    const video = fields.videos?.[token.videoId];
    expect(video?.state !== "failed", `the video failed: ${video?.failure?.message}`);
    return video?.state === "ready";
  }, (fields) => {
    const video = fields?.videos?.[token.videoId];
    const now = video ? `${video.state.padEnd(10)} ${bar(video.percent)}` : "";
    if (now && now !== last) say(`session document: ${now}`);
    last = now;
  });
  ready.catch(() => {}); // It is awaited below; the upload may fail first.
  const size = await upload(token, environment.DEMO_VIDEO);
  say(`the app uploaded all ${size} bytes`);
  const { videos } = await ready;
  say(`the video is ready; its duration is ${videos[token.videoId].durationS} s`);

  chapter("An enrolled student watches the video; other users are refused");
  await setDoc(teacher.at(`enrolments/${session.id}_${environment.DEMO_STUDENT_UID}`), {
    sessionId: session.id, uid: environment.DEMO_STUDENT_UID, ownerUid: teacher.uid, createdAt: serverTimestamp(),
  });
  const early = await refusal(student.call("issuePlayback", { videoId: token.videoId }), "a draft was played");
  expect(early.details.code === "VIDEO_NOT_FOUND", `a draft was refused with ${early.details.code}`);
  say(`the student is refused while the session is a draft: ${early.details.code}, "${early.message}"`);
  await change(session, { status: "public" });
  say("the teacher enrolled the student and published the session");
  const grant = await student.call("issuePlayback", { videoId: token.videoId });
  const first = await provider.load(grant);
  expect(await provider.isContentOf(first, environment.DEMO_VIDEO), "the student got a different video");
  say(`the student loaded ${first.length} bytes of the uploaded video`);
  const manifest = await (await fetch(grant.manifestUrl)).text();
  expect(manifest.startsWith("#EXTM3U"), "the student got no HLS manifest");
  say("the student's player loaded the HLS manifest");
  const stranger = await signIn("stranger");
  const unknown = await refusal(stranger.call("issuePlayback", { videoId: token.videoId }), "a user who is not enrolled got a playback token");
  say(`a user who is not enrolled is refused: ${unknown.details.code}, "${unknown.message}"`);
  const bare = await fetch(provider.withoutToken(grant));
  const leaked = Buffer.from(await bare.arrayBuffer()).length;
  expect(leaked === 0 || !bare.ok, `the address without its token gave ${leaked} bytes`);
  say(`the ${provider.name} address without a token plays nothing: HTTP ${bare.status} ${bare.headers.get("x-kaltura") ?? ""}`.trimEnd());
  const forbidden = await refusal(
    stranger.call("issueUploadToken", { sessionId: session.id, requestId: "x", fileName: "x.mp4", fileSizeBytes: 1 }),
    "a student got an upload token",
  );
  say(`they may not upload either: ${forbidden.details.code}, "${forbidden.message}"`);

  chapter("The teacher replaces the video and cancels another upload");
  const folder = await mkdtemp(join(tmpdir(), "greenroom-"));
  const replacement = join(folder, "second-take.mp4");
  // The same video with other bytes: an MP4 box at its end, which players skip.
  await writeFile(replacement, Buffer.concat([await readFile(environment.DEMO_VIDEO), Buffer.from([0, 0, 0, 12]), Buffer.from("freetake")]));
  const replacementToken = await teacher.call("replaceVideo", {
    videoId: token.videoId, requestId: "upload-2", fileName: basename(replacement), fileSizeBytes: (await stat(replacement)).size,
    title: "Halves, quarters and eighths",
  });
  const replaced = until(session, "the replacement of the video", (fields) => {
    const video = fields.videos[token.videoId];
    expect(video.replacement?.state !== "failed", `the replacement failed: ${video.replacement?.failure?.message}`);
    return video.title === "Halves, quarters and eighths";
  });
  replaced.catch(() => {});
  await upload(replacementToken, replacement);
  await until(session, "the upload of the replacement",
    (fields) => fields.videos[token.videoId].replacement?.state === "processing");
  const meanwhile = await student.call("issuePlayback", { videoId: token.videoId });
  expect((await provider.load(meanwhile)).equals(first), "the old content stopped playing");
  say("while the replacement is processed, the student still watches the old content");
  await replaced;
  const renewed = await student.call("issuePlayback", { videoId: token.videoId });
  const second = await provider.load(renewed);
  expect(!second.equals(first) && await provider.isContentOf(second, replacement), "the replacement does not play");
  const original = await readFile(replacement);
  await rm(folder, { recursive: true });
  say("the replacement is ready, and the student watches the new content");
  const cancelled = await teacher.call("issueUploadToken", {
    sessionId: session.id, requestId: "upload-3", fileName: "mistake.mp4", fileSizeBytes: 5_000_000,
  });
  await teacher.call("cancelUpload", { videoId: cancelled.videoId });
  await provider.untilCancelledIsGone(cancelled);
  say(`the teacher cancelled another upload; ${provider.name} has deleted it`);
  await stranger.close();
  return { session, videoId: token.videoId, original };
}

/** Tell of a live session: it is published, broadcast and recorded. Return it. */
async function showLive(teacher, student) {
  chapter("A live session is published, unpublished and published again");
  const live = teacher.at("sessions/live");
  const startsAt = new Date(Date.now() + 3_600_000);
  await setDoc(live, {
    ownerUid: teacher.uid, title: "Questions and answers", status: "draft", format: "liveStreaming", visibility: "open",
    startsAt: Timestamp.fromDate(startsAt), endsAt: Timestamp.fromDate(new Date(startsAt.getTime() + 3_600_000)),
    ...serverTimes(),
  });
  expect(!(await atKaltura("entries")).some((entry) => entry.name === "Questions and answers"), "a draft created a Kaltura event");
  say("the teacher created a draft live session; Kaltura has no event for it");
  await change(live, { status: "public" });
  const { kaltura } = await until(live, "the creation of the event", (fields) => fields.kaltura?.state === "ready");
  say(`published: the Kaltura event exists, entry ${kaltura.entryId}, virtual event ${kaltura.virtualEventId}`);
  await change(live, { status: "draft" });
  await until(live, "the removal of the event from the document", (fields) => fields.kaltura === undefined);
  say("unpublished: the session document no longer names the event");
  await untilGoneAtKaltura("entries", kaltura.entryId);
  await untilGoneAtKaltura("scheduleEvents", kaltura.eventId);
  say("the event was deleted at Kaltura after the grace period");
  await change(live, { status: "public" });
  const again = await until(live, "the creation of the second event", (fields) => fields.kaltura?.state === "ready");
  say(`published again: a new Kaltura event exists, entry ${again.kaltura.entryId}`);

  chapter("The live session is broadcast and recorded");
  await change(live, {
    startsAt: Timestamp.fromDate(new Date()), endsAt: Timestamp.fromDate(new Date(Date.now() + 3_600_000)),
  });
  const joined = await student.call("joinSession", { sessionId: live.id });
  expect(joined.entryId === again.kaltura.entryId && !joined.isModerator, "the student joined another event");
  const tokens = ["player", "chat", "room"].filter((name) => joined[name] !== null);
  say(`the session has begun; the student joined and got access to: ${tokens.join(", ")} (until ${joined.player.expiresAt})`);
  await teacher.call("setModerator", { sessionId: live.id, uid: student.uid, isModerator: true });
  expect((await student.call("joinSession", { sessionId: live.id })).isModerator, "the student is not a moderator");
  say("the teacher made the student a moderator");
  const ingest = await teacher.call("getStreamIngest", { sessionId: live.id });
  const denied = await refusal(student.call("getStreamIngest", { sessionId: live.id }), "a student got the stream key");
  say(`the teacher got the ingest address ${ingest.url.split("?")[0]}; the student is refused it: ${denied.details.code}`);
  await broadcast(again.kaltura.entryId, { live: true });
  await until(live, "the start of the broadcast", (fields) => fields.kaltura?.broadcast === "live");
  expect((await (await fetch(joined.player.manifestUrl)).text()).startsWith("#EXTM3U"), "the broadcast does not play");
  say("the encoder started: the session document says live, and the student's player can play");
  await broadcast(again.kaltura.entryId, { live: false, recording: environment.DEMO_VIDEO });
  await change(live, { endsAt: Timestamp.fromDate(new Date()) });
  await until(live, "the end of the broadcast", (fields) => fields.kaltura?.broadcast === "ended");
  say("the teacher ended the session: the session document says ended");
  const recorded = await until(live, "processing of the recording",
    (fields) => Object.values(fields.videos ?? {}).some((video) => video.state === "ready"));
  const [[recordingId, recording]] = Object.entries(recorded.videos);
  const watched = await student.call("issuePlayback", { videoId: recordingId });
  expect((await (await fetch(watched.manifestUrl)).text()).startsWith("#EXTM3U"), "the recording does not play");
  say(`the recording is a video of the session ("${recording.title}", ${recording.durationS} s), and the student watches it`);
  return live;
}

/** Delete the sessions, and wait until nothing of them is left at the providers. */
async function deleteAll(teacher, sessions) {
  chapter("All sessions are deleted");
  const entryIds = (await atKaltura("entries")).map((entry) => entry.id);
  for (const session of sessions) await deleteDoc(session);
  say(`the teacher deleted ${sessions.length === 1 ? "the session" : `all ${sessions.length} sessions`}`);
  for (const id of entryIds) await untilGoneAtKaltura("entries", id);
  for (const { id } of await atKaltura("users")) if (String(id).startsWith("upload-")) await untilGoneAtKaltura("users", id);
  for (const { id } of await atKaltura("uploadTokens")) await untilGoneAtKaltura("uploadTokens", id);
  for (const { id } of await atKaltura("scheduleEvents")) await untilGoneAtKaltura("scheduleEvents", id);
  await provider.untilVideosAreGone();
  await untilBucketIsEmpty(environment.ARCHIVE_GCS_BUCKET);
  say(`all content at the providers was deleted, ${entryIds.length} Kaltura entries among it`);
}

/** Tell the chapters that were asked for. */
async function demo() {
  const chapters = environment.DEMO_CHAPTERS.split(",");
  const [teacher, student] = [await signIn("teacher"), await signIn("student")];
  const sessions = [];
  let video;
  if (chapters.includes("videos")) {
    video = await showVideos(teacher, student);
    sessions.push(video.session);
  }
  if (chapters.includes("live")) sessions.push(await showLive(teacher, student));
  if (chapters.includes("slides")) sessions.push(await showSlides(teacher, student));
  if (chapters.includes("archive")) await showArchive(video.session, video.videoId, video.original, student);
  if (!environment.DEMO_OPEN) await deleteAll(teacher, sessions);
  await Promise.all([teacher.close(), student.close()]);
}

try {
  await demo();
  process.exit(0);
} catch (error) {
  console.error(`\n${error instanceof DemoError ? "" : `${error.code ?? error.name}: `}${error.message}`);
  process.exit(1);
}
