/** A page with the code of the README alone, connected to the emulators. */
import type { UploadsSummary, VideoOfSession, WithId } from "greenroom/core";
import { connectAuthEmulator, getAuth, signInWithEmailAndPassword } from "firebase/auth";
import { connectFirestoreEmulator, doc, getFirestore, serverTimestamp, setDoc } from "firebase/firestore";
import { connectFunctionsEmulator, getFunctions } from "firebase/functions";

import { playVideo, uploadVideos, watchVideos } from "./readme";

export interface ReadmePage {
  readonly uploads: UploadsSummary | undefined;
  readonly videos: readonly WithId<VideoOfSession>[];
  /** Sign in, create a session, and use the page's input for uploads into it. */
  teach(email: string, password: string, sessionId: string): Promise<void>;
  play(videoId: string): Promise<void>;
}

function connect(authUrl: string, firestoreUrl: string, functionsHost: string): ReadmePage {
  const hostAndPort = (host: string) => {
    const { hostname, port } = new URL(host.includes("//") ? host : `http://${host}`);
    return [hostname, Number(port)] as const;
  };
  connectAuthEmulator(getAuth(), authUrl, { disableWarnings: true });
  connectFirestoreEmulator(getFirestore(), ...hostAndPort(firestoreUrl));
  connectFunctionsEmulator(getFunctions(), ...hostAndPort(functionsHost));
  let uploads: UploadsSummary | undefined;
  let videos: readonly WithId<VideoOfSession>[] = [];
  return {
    get uploads() {
      return uploads;
    },
    get videos() {
      return videos;
    },
    async teach(email, password, sessionId) {
      const { user } = await signInWithEmailAndPassword(getAuth(), email, password);
      const fields = {
        ownerUid: user.uid,
        title: "Fractions",
        status: "draft",
        format: "onDemand",
        visibility: "open",
      };
      const [createdAt, updatedAt] = [serverTimestamp(), serverTimestamp()];
      await setDoc(doc(getFirestore(), "sessions", sessionId), { ...fields, createdAt, updatedAt });
      uploadVideos(user.uid, sessionId, document.querySelector("input")!, (summary) => (uploads = summary));
      watchVideos(sessionId, (shown) => (videos = shown));
    },
    play: (videoId) => playVideo(document.querySelector("video")!, videoId),
  };
}

Object.assign(window, { connect });
