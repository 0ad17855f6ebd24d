// The chapter about the archive: an operator archives a video, and a student brings it back. Called by story.mjs.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

import { chapter, DEADLINE_MS, environment, expect, say, until } from "./app.mjs";
import { objectsInBucket } from "./buckets.mjs";

const INDENT = " ".repeat(21); // Beyond the times of `say`.
const PLACEHOLDER = "shared/archive/placeholder.mp4";
const PROCESSING_S = 5; // A replacement is looked at after 0, 10 and 30 s: the end of 12 s would be seen after 30.

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const shortened = (digest) => `${digest.slice(0, 16)}…`;

/** Run an operator's command with the secrets of the functions, print its output, and return that. */
async function greenroom(...words) {
  const options = { env: { ...environment, ...JSON.parse(environment.DEMO_OPERATOR) }, timeout: DEADLINE_MS };
  const command = spawn(environment.DEMO_PYTHON, ["-m", "cli", ...words], options);
  const read = async (stream) => Buffer.concat(await stream.toArray()).toString().trimEnd();
  const ended = new Promise((resolve, reject) => { command.on("close", resolve); command.on("error", reject); });
  const [printed, messages, exitCode] = await Promise.all([read(command.stdout), read(command.stderr), ended]);
  const line = `greenroom ${words.join(" ")}`;
  expect(exitCode === 0, `\`${line}\` ended with ${exitCode}: ${messages || printed}`);
  say(`the operator ran: ${line}`);
  for (const each of printed.split("\n")) console.log(`${INDENT}${each}`);
  return printed;
}

/** Set the seconds for which Kaltura processes what it gets from now on. */
async function setProcessing(seconds) {
  const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ready: `after_s:${seconds}` }) };
  expect((await fetch(`${environment.KALTURA_URL}/_simulator/clock`, request)).ok, "the clock was refused");
}

/** Tell the chapter. `original` is the file that the teacher uploaded for the video. */
export async function showArchive(session, videoId, original, student) {
  chapter("An operator archives the video, and a student brings it back");
  if (environment.DEMO_PROVIDER !== "kaltura") {
    say("Cloudflare gives no originals, so the videos there cannot be archived: this chapter needs Kaltura");
    return;
  }
  await setProcessing(PROCESSING_S);
  const shows = (state) => until(session, `"${state}" in the session document`, (fields) => fields.videos[videoId].archive?.state === state);
  const play = async () => {
    const grant = await student.call("issuePlayback", { videoId });
    const content = Buffer.from(await (await fetch(grant.progressiveUrl)).arrayBuffer());
    return { content, entryId: grant.manifestUrl.match(/\/entryId\/([^/]+)/)[1] };
  };
  const { entryId } = await play();
  await greenroom("archive", "list", "--id", entryId);
  await greenroom("archive", "archive", "--id", entryId);
  await greenroom("archive", "archive", "--id", entryId, "--apply");
  await shows("archived");
  const objects = await objectsInBucket(environment.ARCHIVE_GCS_BUCKET);
  expect(objects.length === 1, `the bucket has ${objects.length} objects, not the original alone`);
  expect((await play()).content.equals(original), "the archived video does not play as before");
  say(`session document: archived; the bucket has ${objects[0]}, and the video plays as before`);
  await greenroom("archive", "replace-video", "--id", entryId, "--apply");
  await shows("place_holder");
  say("session document: place_holder");

  const coming = shows("restoring");
  const back = shows("archived");
  for (const promise of [coming, back]) promise.catch(() => {});
  const { content: placeholder } = await play();
  expect(placeholder.equals(await readFile(PLACEHOLDER)), `the student got ${placeholder.length} bytes that are no placeholder`);
  say(`the student plays the video, and gets the ${placeholder.length} bytes of the placeholder`);
  await coming;
  say("session document: restoring; the play has asked for the original");
  await back;
  say("session document: archived; the original is back at Kaltura");
  const { content: restored } = await play();
  expect(sha256(restored) === sha256(original), "the restored video has other bytes than the uploaded one");
  say(`the student plays the video, and gets the ${restored.length} bytes of the original`);
  console.log(`${INDENT}SHA-256 of the uploaded file  ${shortened(sha256(original))}`);
  console.log(`${INDENT}SHA-256 of the restored one   ${shortened(sha256(restored))}`);
  const health = await greenroom("archive", "status", "--id", entryId);
  expect(health.includes("HEALTHY"), "the entry is not healthy");
}
