/** A page with nothing but uploads, for the tests: they call `window.page`. */
import { Greenroom, type UploadsSummary, Uploads, watchSession } from "greenroom/core";
import { initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth, signInWithEmailAndPassword } from "firebase/auth";
import { connectFirestoreEmulator, doc, serverTimestamp, setDoc } from "firebase/firestore";

interface Deployment {
  readonly projectId: string;
  readonly authUrl: string;
  readonly firestoreUrl: string;
}

async function open(deployment: Deployment) {
  const app = initializeApp({ projectId: deployment.projectId, apiKey: "of-the-emulator" });
  const auth = getAuth(app);
  connectAuthEmulator(auth, deployment.authUrl, { disableWarnings: true });
  const greenroom = new Greenroom(app, { callablesUrl: "/call/" });
  const { hostname, port } = new URL(deployment.firestoreUrl);
  connectFirestoreEmulator(greenroom.firestore, hostname, Number(port));
  await auth.authStateReady();
  const started = auth.currentUser && new Uploads(greenroom, auth.currentUser.uid);
  let uploads = started ?? undefined;
  const shown = new Map<string, Record<string, string>>();
  const of = () => uploads ?? Promise.reject(new Error("Nobody is signed in."));
  return {
    async signIn(email: string, password: string): Promise<void> {
      const { user } = await signInWithEmailAndPassword(auth, email, password);
      uploads ??= new Uploads(greenroom, user.uid);
    },
    async createSession(sessionId: string, videoProvider: string): Promise<void> {
      const ownerUid = auth.currentUser?.uid;
      const [createdAt, updatedAt] = [serverTimestamp(), serverTimestamp()];
      const fields = { ownerUid, title: "Fractions", status: "draft", format: "onDemand", visibility: "enrolled" };
      await setDoc(doc(greenroom.firestore, "sessions", sessionId), { ...fields, videoProvider, createdAt, updatedAt });
    },
    restored: async () => (await of()).restored,
    summary: (): UploadsSummary | undefined => uploads?.summary.value,
    async add(sessionId: string, files: FileList | FileSystemHandle[]) {
      const { added, refused } = await (await of()).add(files as unknown as File[], { sessionId });
      return { added, refused: refused.map(({ error }) => error.code) };
    },
    async addDropped(sessionId: string, transfer: DataTransfer) {
      const { added, refused } = await (await of()).addFrom(transfer, { sessionId });
      return { added, refused: refused.map(({ error }) => error.code) };
    },
    reselect: async (id: string, file: File) => (await of()).reselect(id, file),
    pause: async (id?: string) => (await of()).pause(id),
    resume: async (id?: string) => (await of()).resume(id),
    cancel: async (id: string) => (await of()).cancel(id),
    close: async () => (await of()).close(),
    /** The states of a session's videos, as the server shows them. */
    states(sessionId: string): Record<string, string> {
      if (!shown.has(sessionId)) {
        shown.set(sessionId, {});
        watchSession(greenroom, sessionId, {
          next: (session) => {
            const videos = Object.entries(session?.videos ?? {});
            shown.set(sessionId, Object.fromEntries(videos.map(([id, { state }]) => [id, state])));
          },
          error: (error) => console.error(error),
        });
      }
      return shown.get(sessionId) ?? {};
    },
    /** The SHA-256 of a ready video, as it plays. */
    async digest(videoId: string): Promise<string> {
      const { progressiveUrl, playUrl } = await greenroom.call("issuePlayback", { videoId });
      const answer = await fetch(progressiveUrl ?? playUrl ?? "");
      const digest = await crypto.subtle.digest("SHA-256", await answer.arrayBuffer());
      return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}

export type UploadsPage = Awaited<ReturnType<typeof open>>;

declare global {
  interface Window {
    openPage: typeof open;
    page: UploadsPage;
  }
}

window.openPage = open;
