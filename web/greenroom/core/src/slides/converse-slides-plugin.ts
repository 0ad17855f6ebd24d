import type { SlidesChat } from "../schema/types";
import type { Readable } from "../store";
import { isSharingEvent, sharingMessage, type SharingMessage } from "./sharing-message";

/** A plug-in of converse.js, full or headless: `converse.plugins.add("greenroom", converseSlidesPlugin(…))`. */
export interface ConversePlugin {
  readonly dependencies: readonly string[];
  initialize(this: ConverseContext): void;
}

/** The `this` of a plug-in's `initialize`, as far as this one uses it. */
export interface ConverseContext {
  readonly _converse: {
    readonly api: {
      readonly listen: {
        on(name: "parseMUCMessage", parse: (stanza: Element, attributes: ConverseMessage) => ConverseMessage): void;
      };
    };
  };
}

/** The attributes of a room's message, as converse.js has parsed it. */
export interface ConverseMessage {
  readonly body?: string | undefined;
  readonly [name: string]: unknown;
}

/**
 * Return a plug-in that passes the changes of slides on, and hides them from the conversation. Name it in
 * `whitelisted_plugins`.
 *
 * @param chat `LiveAdmission.slidesChat`. Changes from other rooms, to which anybody may have invited this user, are
 *   ignored.
 * @param onMessage Called with each change, for example `SlidesFollower.receive`.
 */
export function converseSlidesPlugin(
  chat: Readable<Pick<SlidesChat, "roomJid"> | undefined>,
  onMessage: (message: SharingMessage) => void,
): ConversePlugin {
  return {
    dependencies: ["converse-muc"],
    initialize() {
      this._converse.api.listen.on("parseMUCMessage", (stanza, attributes) => {
        const event = stanza.getAttribute("event");
        if (!isSharingEvent(event)) return attributes;
        const from = stanza.getAttribute("from") ?? "/";
        const message = sharingMessage({ from, event, body: attributes.body });
        if (message !== undefined && from === chat.value?.roomJid) onMessage(message);
        // A message without a body is not shown.
        return { ...attributes, body: undefined };
      });
    },
  };
}
