/** The app's own configuration, for the emulators. */
export const firebaseConfig = { projectId: "demo-greenroom", apiKey: "of-the-emulator" };
