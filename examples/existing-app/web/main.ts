// The page that shows a recorded lesson beside the timetable: two databases and two sets of functions in one app.
import { initializeApp } from "firebase/app";
import { collection, getFirestore, onSnapshot } from "firebase/firestore";
import { getFunctions, httpsCallable } from "firebase/functions";
import { ENGLISH, Greenroom, Playback } from "greenroom/core";

const app = initializeApp({ projectId: "my-school", apiKey: "…", authDomain: "my-school.firebaseapp.com" });

// The app's own: the database `(default)`, and its function `deleteVideo`.
const timetable = document.querySelector("#timetable")!;
onSnapshot(collection(getFirestore(app), "sessions"), (lessons) => {
  timetable.replaceChildren(
    ...lessons.docs.map((lesson) => {
      const row = document.createElement("li");
      row.textContent = `${lesson.get("period")}: ${lesson.get("subject")}, ${lesson.get("room")}`;
      return row;
    }),
  );
});
export const deleteClip = httpsCallable<{ clipId: string }, { deleted: boolean }>(getFunctions(app), "deleteVideo");

// Greenroom's: the database `greenroom`, and functions with the prefix `gr-`.
const greenroom = new Greenroom(app, { region: "us-central1", functionsPrefix: "gr-", databaseId: "greenroom" });
const status = document.querySelector("#status")!;

/** Plays a video of a session of Greenroom. */
export async function play(sessionId: string, videoId: string): Promise<void> {
  const playback = new Playback(greenroom, document.querySelector("video")!, { sessionId, videoId });
  playback.state.subscribe(({ phase, error }) => {
    status.textContent = error ? ENGLISH.errors[error.code] : ENGLISH.player.phases[phase];
  });
  await playback.load();
}
