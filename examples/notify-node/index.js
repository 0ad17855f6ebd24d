// The function of ../notify for Node: queue an e-mail to the teacher when a video of theirs is ready.
// Copy it into the functions of your app. docs/events.md explains it.
import { getApps, initializeApp } from "firebase-admin/app";
import { getAuth } from "firebase-admin/auth";
import { getFirestore } from "firebase-admin/firestore";
import { onDocumentUpdated } from "firebase-functions/v2/firestore";

const { GREENROOM_DATABASE: database = "(default)", FUNCTIONS_REGION: region = "us-central1" } = process.env;
if (!getApps().length) initializeApp();

const except = (code) => (error) => {
  if (error.code !== code) throw error;
};

export const notifyWhenReady = onDocumentUpdated(
  { document: "sessions/{sessionId}", database, region, maxInstances: 5, retry: true },
  async ({ id, data, params: { sessionId } }) => {
    const [before, { ownerUid, title: session, videos }] = [data.before.data(), data.after.data()];
    for (const [videoId, { state, title }] of Object.entries(videos ?? {})) {
      if (state !== "ready" || before.videos?.[videoId]?.state === "ready") continue;
      const owner = await getAuth().getUser(ownerUid).catch(except("auth/user-not-found"));
      if (!owner?.email) continue;
      const message = { subject: "Your video is ready", text: `“${title}” of “${session}” can be watched now.` };
      // An event that is delivered twice sends one e-mail: the second finds the document (6, ALREADY_EXISTS).
      const mail = getFirestore().doc(`mail/${id}-${videoId}`);
      await mail.create({ to: [owner.email], message, sessionId, videoId }).catch(except(6));
    }
  },
);
