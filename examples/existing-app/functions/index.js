// The functions of the timetable app. Nothing in here knows Greenroom.
import { initializeApp } from "firebase-admin/app";
import { FieldValue, getFirestore } from "firebase-admin/firestore";
import { onDocumentWritten } from "firebase-functions/v2/firestore";
import { HttpsError, onCall } from "firebase-functions/v2/https";

initializeApp();
const database = getFirestore();

/** Deletes a clip of the caller: `{clipId}`. Answers `{deleted: true}`. */
export const deleteVideo = onCall(async (request) => {
  const { clipId } = request.data ?? {};
  if (typeof clipId !== "string" || !/^[A-Za-z0-9]{1,64}$/.test(clipId)) {
    throw new HttpsError("invalid-argument", "clipId must be a string of 1 to 64 letters or digits.");
  }
  if (!request.auth) throw new HttpsError("unauthenticated", "Sign in first.");
  const clip = database.doc(`videos/${clipId}`);
  const found = await clip.get();
  if (found.get("owner") !== request.auth.uid) throw new HttpsError("permission-denied", "This is not your clip.");
  await clip.delete();
  return { deleted: true };
});

/** Books the room of a lesson, and frees the room that it had before. */
export const onSessionWritten = onDocumentWritten("sessions/{id}", async ({ data, params }) => {
  const [before, after] = [data.before.get("room"), data.after.get("room")];
  const lesson = (room) => database.doc(`rooms/${room}/lessons/${params.id}`);
  if (before && before !== after) await lesson(before).delete();
  if (after) await lesson(after).set({ period: data.after.get("period"), bookedAt: FieldValue.serverTimestamp() });
});
