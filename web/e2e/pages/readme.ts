import { initializeApp } from "firebase/app";
import { Greenroom, Playback, Uploads, type UploadsSummary } from "greenroom/core";
import { videosInOrder, type VideoOfSession, watchSession, type WithId } from "greenroom/core";
import { firebaseConfig } from "./firebase-config";

const greenroom = new Greenroom(initializeApp(firebaseConfig));
type Show<T> = (value: T) => void;

// A teacher's page. Uploads survive broken lines, reloads and closed tabs.
export function uploadVideos(uid: string, sessionId: string, input: HTMLInputElement, show: Show<UploadsSummary>) {
  const uploads = new Uploads(greenroom, uid);
  uploads.summary.subscribe(show); // of each file: state, sentBytes, secondsLeft, error
  input.addEventListener("change", () => uploads.add(input.files ?? [], { sessionId }));
}
// Any page: state, stage and percent of each video, as they change.
export function watchVideos(sessionId: string, show: Show<WithId<VideoOfSession>[]>) {
  return watchSession(greenroom, sessionId, { next: (session) => show(videosInOrder(session)), error: console.error });
}
// A student's page, whose <video> has controls. The grant is renewed without a stall.
export function playVideo(video: HTMLVideoElement, videoId: string) {
  return new Playback(greenroom, video, { videoId }).load();
}
