/** What an app's own file has, for the emulators. */
export const firebaseConfig = { projectId: "demo-greenroom", apiKey: "of-the-emulator" };
