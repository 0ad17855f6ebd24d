/**
 * The page of `make bench AREA=watch`: plays one video with this library, and as a page that takes one step at a time.
 */
import { Greenroom, Playback, preloadPlayer } from "greenroom/core";
import { initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth, signInWithEmailAndPassword } from "firebase/auth";

type Play = (greenroom: Greenroom, element: HTMLVideoElement, videoId: string) => Promise<void>;

const ours: Play = (greenroom, element, videoId) => new Playback(greenroom, element, { videoId }).load();

const stepByStep: Play = async (greenroom, element, videoId) => {
  const { default: Hls } = await import("hls.js");
  const { manifestUrl } = await greenroom.call("issuePlayback", { videoId });
  if (manifestUrl === undefined) throw new Error("The video has no manifest.");
  const hls = new Hls();
  hls.loadSource(manifestUrl);
  hls.attachMedia(element);
};

const WAYS = { ours, prepared: ours, "step-by-step": stepByStep };

export interface Asked {
  readonly way: keyof typeof WAYS;
  readonly videoId: string;
  readonly projectId: string;
  readonly authUrl: string;
  readonly email: string;
  readonly password: string;
  /** Where videos are delivered from. */
  readonly deliveryOrigin: string;
}

declare global {
  interface Window {
    /** Sign in, and play at the next click. */
    prepare: (asked: Asked) => Promise<void>;
    /** Milliseconds from the click to the first frame. */
    firstFrame: Promise<number>;
  }
}

window.prepare = async ({ way, videoId, projectId, authUrl, email, password, deliveryOrigin }) => {
  const app = initializeApp({ projectId, apiKey: "of-the-emulator" });
  connectAuthEmulator(getAuth(app), authUrl, { disableWarnings: true });
  await signInWithEmailAndPassword(getAuth(app), email, password);
  const greenroom = new Greenroom(app, { callablesUrl: "/call/", deliveryOrigins: [deliveryOrigin] });
  if (way === "prepared") await preloadPlayer();
  const element = document.querySelector("video") as HTMLVideoElement;
  // Requests beside each other need a connection each here. Firebase Hosting speaks HTTP/2, which has them all on one.
  await Promise.all([1, 2].map((n) => fetch(`/?${n}`, { cache: "no-store" }).then((answer) => answer.text())));
  window.firstFrame = new Promise((resolve, reject) => {
    const play = (click: MouseEvent) => {
      element.requestVideoFrameCallback(() => resolve(performance.now() - click.timeStamp));
      WAYS[way](greenroom, element, videoId).catch(reject);
    };
    document.querySelector("button")?.addEventListener("click", play, { once: true });
  });
};
