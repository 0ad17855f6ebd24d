// The sessions with which `make up` begins: a video that is ready, a live session that has just begun, and a draft. A
// teacher creates them as an app does, with the Firebase SDK, their own sign-in and the security rules.
//
// Run by `python -m emulator_tests.testbed`, which passes the stack's addresses in the environment.

import { stat } from "node:fs/promises";
import { basename } from "node:path";

import { serverTimestamp, setDoc, Timestamp } from "firebase/firestore";

import { DemoError, environment, expect, serverTimes, signIn, until } from "./app.mjs";
import { sendFile } from "./uploading.mjs";

const HOUR_MS = 3_600_000;

/** Write a session of a teacher, and return it. */
async function write(teacher, id, fields) {
  const session = teacher.at(`sessions/${id}`);
  await setDoc(session, { ownerUid: teacher.uid, ...fields, ...serverTimes() });
  return session;
}

/** Upload the test picture, and wait until it can be played. */
async function uploadVideo(teacher, session, title) {
  const path = environment.DEMO_VIDEO;
  const token = await teacher.call("issueUploadToken", {
    sessionId: session.id, requestId: "sample", fileName: basename(path), fileSizeBytes: (await stat(path)).size, title,
  });
  await sendFile(token, path, () => {});
  await until(session, "processing of the video", (fields) => {
    const video = fields.videos?.[token.videoId];
    expect(video?.state !== "failed", `the video failed: ${video?.failure?.message}`);
    return video?.state === "ready";
  });
}

/** Enrol the student, who then sees the session although it is not open to everybody. */
async function enrol(teacher, session) {
  const uid = environment.DEMO_STUDENT_UID;
  await setDoc(teacher.at(`enrolments/${session.id}_${uid}`), {
    sessionId: session.id, uid, ownerUid: teacher.uid, createdAt: serverTimestamp(),
  });
}

async function createSamples() {
  const teacher = await signIn("teacher");
  const now = Date.now();
  const [video] = await Promise.all([
    write(teacher, "fractions", { title: "Fractions", status: "public", format: "onDemand", visibility: "enrolled" }),
    write(teacher, "questions", {
      title: "Questions and answers", status: "public", format: "liveStreaming", visibility: "enrolled",
      startsAt: Timestamp.fromMillis(now), endsAt: Timestamp.fromMillis(now + 2 * HOUR_MS),
    }),
    write(teacher, "percentages", { title: "Percentages", status: "draft", format: "onDemand", visibility: "open" }),
  ]);
  const live = teacher.at("sessions/questions");
  await Promise.all([
    enrol(teacher, video),
    enrol(teacher, live),
    uploadVideo(teacher, video, "Halves and quarters"),
    until(live, "the creation of the event", (fields) => fields.kaltura?.state === "ready"),
  ]);
  await teacher.close();
  for (const [title, what] of [
    ["Fractions", "a video that is ready"], ["Questions and answers", "a live session that has just begun"],
    ["Percentages", "a draft, which only the teacher sees"],
  ]) console.log(`  ${title.padEnd(24)}${what}`);
}

try {
  await createSamples();
  process.exit(0);
} catch (error) {
  console.error(`${error instanceof DemoError ? "" : `${error.code ?? error.name}: `}${error.message}`);
  process.exit(1);
}
