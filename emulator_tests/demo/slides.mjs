// The chapter about slides: documents that a teacher shows page by page in a live session. Called by story.mjs.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createInterface } from "node:readline";

import { setDoc, Timestamp } from "firebase/firestore";

import { chapter, DEADLINE_MS, environment, expect, say, serverTimes, until } from "./app.mjs";
import { objectsInBucket, untilBucketIsEmpty } from "./buckets.mjs";

const MEDIAS = "/api/sharedlivemedias/";

/** Return a function that calls the API of slides with the token that `joinSession` gave a person. */
function slidesApi({ slides }) {
  const authorization = `Bearer ${slides.token}`;
  return async (method, path, fields = {}) => {
    const body = method === "GET" ? undefined : JSON.stringify(fields);
    const headers = { authorization, "content-type": "application/json" };
    const answer = await fetch(`${environment.FUNCTIONS_URL}/api${path}`, { method, headers, body });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null };
  };
}

/** Return the body of an answer that must be a success. */
async function accepted(answer) {
  const { status, body } = await answer;
  expect(status < 300, `the API answered ${status}: ${body?.detail ?? JSON.stringify(body)}`);
  return body;
}

/** Send a document to the bucket, as a browser does: ask for an address, begin a resumable upload there, send the bytes. */
async function uploadDocument(api, mediaId, path, mimetype) {
  const content = await readFile(path);
  const begun = await accepted(api("POST", `${MEDIAS}${mediaId}/initiate-upload/`, { filename: basename(path), mimetype, size: content.length }));
  const pieces = await fetch(begun.url, { method: begun.method, headers: begun.headers });
  const sent = await fetch(pieces.headers.get("location"), { method: "PUT", headers: { "content-type": mimetype }, body: content });
  expect(sent.ok, `the bucket refused the document: ${sent.status} ${await sent.text()}`);
}

/** Load the pages of a media that the API has addresses for, and return the numbers of those that are pictures. */
async function loadPages(api, mediaId) {
  const { urls } = await accepted(api("GET", `${MEDIAS}${mediaId}/`));
  const loaded = await Promise.all(Object.entries(urls.pages).map(async ([number, url]) => {
    const start = Buffer.from(await (await fetch(url)).arrayBuffer()).subarray(0, 4).toString("latin1");
    return ["\x89PNG", "RIFF"].includes(start) ? [Number(number)] : []; // RIFF is WebP.
  }));
  return loaded.flat();
}

/** Share a document in a session: upload it as an instructor, and load its pages as a viewer, as soon as they exist. */
async function shareDocument({ session, instructor, viewer, listener }, title, path, mimetype) {
  const media = await accepted(instructor("POST", MEDIAS, { title }));
  const view = listener.at(`${session.path}/sharedLiveMedias/${media.id}`);
  const waiting = (isMet) => until(view, `pages of ${basename(path)}`, (fields) => {
    expect(fields?.uploadState !== "error", `${basename(path)} was refused: ${fields?.error?.message}`);
    return isMet(fields);
  });
  const first = waiting((fields) => Boolean(fields?.deck?.pages[0]));
  const all = waiting((fields) => fields?.uploadState === "ready");
  for (const promise of [first, all]) promise.catch(() => {});
  await uploadDocument(instructor, media.id, path, mimetype);
  const uploadedAt = performance.now();
  const seconds = () => ((performance.now() - uploadedAt) / 1000).toFixed(2);
  await first;
  expect((await loadPages(viewer, media.id)).includes(1), "the first page is no picture");
  const firstAfter = seconds();
  const { nbPages } = await all;
  expect((await loadPages(viewer, media.id)).length === nbPages, "a page is no picture");
  say(`the teacher uploaded ${basename(path)}: the student saw its first page ${firstAfter} s later, all ${nbPages} pages ${seconds()} s later`);
  return { id: media.id, nbPages };
}

/** Enter a session's chat room, with an XMPP client that is not part of the app. */
async function enterChat({ slides }) {
  const client = spawn(environment.DEMO_PYTHON, ["-m", "emulator_tests.demo.chat"], { stdio: ["pipe", "pipe", "inherit"] });
  client.stdin.write(`${JSON.stringify(slides.chat)}\n`);
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const timer = setTimeout(() => client.kill(), DEADLINE_MS);
    const { value, done } = await lines.next();
    clearTimeout(timer);
    expect(!done, "the XMPP client ended");
    return JSON.parse(value);
  };
  const { role } = await read();
  let revision = 0;
  return {
    role,
    /** Return the next change. A message may come twice or late, so one with an old revision is left out. */
    next: async () => {
      for (;;) {
        const message = await read();
        if (message.body.revision > revision) { revision = message.body.revision; return message; }
      }
    },
    leave: () => client.stdin.end(),
  };
}

/** Change what a session shows, and print what a student's listener and the chat room get, and how much later. */
async function followedChange({ session, listener, chat }, event, page, what, act) {
  const actedAt = performance.now();
  const seconds = () => ((performance.now() - actedAt) / 1000).toFixed(2);
  const listened = until(listener.at(session.path), `${event} for listeners`,
    (fields) => (fields.activeSharedLiveMediaPage ?? null) === page).then(({ revision }) => ({ revision, after: seconds() }));
  const heard = chat.next().then(({ event, body }) => ({ event, body, after: seconds() }));
  for (const promise of [listened, heard]) promise.catch(() => {});
  await accepted(act());
  const [seen, { event: told, body, after }] = await Promise.all([listened, heard]);
  expect(told === event && body.active_shared_live_media_page === page && body.revision === seen.revision,
    `the chat room got ${told} ${JSON.stringify(body)} for ${event}, page ${page}, revision ${seen.revision}`);
  say(what);
  const state = `${page === null ? "no page" : `page ${page}`}, revision ${seen.revision}`;
  const indent = " ".repeat(21); // Beyond the times of `say`.
  console.log(`${indent}the student's listener got ${state}, after ${seen.after} s`);
  console.log(`${indent}the XMPP client got ${told}: ${state}, after ${after} s`);
}

/** Tell the chapter, and return its session, which still exists. */
export async function showSlides(teacher, student) {
  chapter("The teacher shows slides in a live session");
  const lesson = teacher.at("sessions/slides");
  await setDoc(lesson, {
    ownerUid: teacher.uid, title: "Fractions, live", status: "public", format: "liveStreaming", visibility: "open",
    startsAt: Timestamp.fromDate(new Date()), endsAt: Timestamp.fromDate(new Date(Date.now() + 3_600_000)),
    ...serverTimes(),
  });
  await until(lesson, "the creation of the event", (fields) => fields.kaltura?.state === "ready");
  const place = await student.call("joinSession", { sessionId: lesson.id });
  const instructor = slidesApi(await teacher.call("joinSession", { sessionId: lesson.id }));
  const viewer = slidesApi(place);
  say("the teacher opened another live session, and the student joined it");
  const sharing = { session: lesson, instructor, viewer, listener: student };
  const exercises = await shareDocument(sharing, "Exercises", environment.DEMO_EXERCISES, "application/pdf");
  const deck = await shareDocument(sharing, "Fractions", environment.DEMO_DECK,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation");
  sharing.chat = await enterChat(place);
  expect(sharing.chat.role === "participant", `the student is ${sharing.chat.role} in the chat room`);
  say("the student entered the session's chat room with an XMPP client");
  const act = (what, fields) => instructor("POST", `${MEDIAS}${deck.id}/${what}/`, fields);
  await followedChange(sharing, "start_sharing", 1, "the teacher showed the presentation", () => act("start"));
  for (const page of [2, 7, deck.nbPages]) {
    await followedChange(sharing, "navigate_sharing", page, `the teacher turned to page ${page}`, () => act("navigate", { target_page: page }));
  }
  const turned = await viewer("POST", `${MEDIAS}${deck.id}/navigate/`, { target_page: 1 });
  expect(turned.status === 403, `a student turned a page: ${turned.status}`);
  say(`the student may not turn pages: ${turned.body.code}, "${turned.body.detail}"`);
  const addresses = async (api) => (await accepted(api("GET", `${MEDIAS}${deck.id}/`))).urls;
  await accepted(instructor("PATCH", `${MEDIAS}${deck.id}/`, { show_download: false }));
  const hidden = await addresses(viewer);
  expect(!("media" in hidden), "the student got the address of a hidden download");
  expect(Object.keys(hidden.pages).length === deck.nbPages, "the student got no addresses of pages");
  say("the teacher hid the download: the student gets the addresses of the pages, and none of the document");
  await accepted(instructor("PATCH", `${MEDIAS}${deck.id}/`, { show_download: true }));
  const download = Buffer.from(await (await fetch((await addresses(viewer)).media)).arrayBuffer());
  expect(download.equals(await readFile(environment.DEMO_DECK)), "the student downloaded something else");
  say(`the teacher showed the download: the student downloaded all ${download.length} bytes of the document`);
  const kept = await instructor("DELETE", `${MEDIAS}${deck.id}/`);
  expect(kept.status === 409, `a document was deleted while it was shown: ${kept.status}`);
  say(`a document that is shown cannot be deleted: ${kept.body.code}, "${kept.body.detail}"`);
  await followedChange(sharing, "end_sharing", null, "the teacher stopped showing it", () => act("end"));
  sharing.chat.leave();
  const objects = await objectsInBucket(environment.SLIDES_BUCKET);
  expect(objects.length > 2 * deck.nbPages, `the bucket has only ${objects.length} objects`);
  for (const { id } of [deck, exercises]) await accepted(instructor("DELETE", `${MEDIAS}${id}/`));
  await untilBucketIsEmpty(environment.SLIDES_BUCKET);
  say(`the teacher deleted both documents; none of the ${objects.length} objects in the bucket is left`);
  return lesson;
}
