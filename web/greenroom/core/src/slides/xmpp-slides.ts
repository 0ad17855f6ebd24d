import type { SlidesChat } from "../schema/types";
import { type Readable, Store } from "../store";
import type { SharingMessage } from "./sharing-message";

export type XmppState = "off" | "connecting" | "joined";

/** Hears the changes of slides in the session's chat room, for apps without a chat of their own. */
export class XmppSlides {
  readonly #state = new Store<XmppState>("off");

  /** @param grant `LiveAdmission.slides`' chat: the place that is valid now. Without one, nothing is heard. */
  constructor(_grant: Readable<SlidesChat | undefined>, _onMessage: (message: SharingMessage) => void) {}

  get state(): Readable<XmppState> {
    return this.#state;
  }

  close(): void {}
}
