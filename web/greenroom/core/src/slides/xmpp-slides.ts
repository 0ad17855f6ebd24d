import { type Clock, systemClock } from "../clock";
import { listedBackoffMs } from "../backoff";
import type { SlidesChat } from "../schema/types";
import { type Readable, Store } from "../store";
import { sharingMessage, type SharingMessage } from "./sharing-message";
import type { XmppConnection } from "./xmpp-connection";

/** The state of the connection to the chat room. `off` without a grant, and once it is closed. */
export type XmppState = "off" | "connecting" | "joined";

/** The delays before the next attempt to connect. The last one is repeated. */
const PAUSES_MS = [500, 2_000, 5_000, 15_000, 30_000] as const;

/**
 * A connection that ends sooner counts as a failure, so that a room that removes the user is not joined at once again.
 */
const SETTLED_MS = 30_000;

/**
 * Receives the changes of slides from the session's chat room, for apps without an XMPP client of their own. The client
 * is loaded when there is a grant for the room.
 */
export class XmppSlides {
  readonly #state = new Store<XmppState>("off");
  readonly #stopListening: () => void;
  #grant: SlidesChat | undefined;
  #connection: XmppConnection | undefined;
  #isConnecting = false;
  #failures = 0;
  #cancel = () => {};
  #isClosed = false;

  /**
   * @param grant `LiveAdmission.slidesChat`. Without a grant there is no connection.
   * @param onMessage Called with each change, for example `SlidesFollower.receive`.
   */
  constructor(
    grant: Readable<SlidesChat | undefined>,
    private readonly onMessage: (message: SharingMessage) => void,
    private readonly clock: Clock = systemClock,
  ) {
    this.#stopListening = grant.subscribe((value) => {
      const isOther = value?.roomJid !== this.#grant?.roomJid || value?.address !== this.#grant?.address;
      this.#grant = value;
      // A connection outlives its token, so a renewed grant is only used for the next connection.
      if (isOther) this.#connection?.close();
      if (value !== undefined && this.#connection === undefined) this.#connectNow();
    });
    globalThis.addEventListener?.("online", this.#connectNow);
  }

  /** Whether the room is joined. */
  get state(): Readable<XmppState> {
    return this.#state;
  }

  /** Leave the room, and disconnect. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#stopListening();
    globalThis.removeEventListener?.("online", this.#connectNow);
    this.#connection?.close();
    this.#state.set("off");
  }

  readonly #connectNow = (): void => {
    this.#cancel();
    if (this.#isConnecting || this.#connection !== undefined || this.#isClosed || this.#grant === undefined) return;
    this.#isConnecting = true;
    this.#state.set("connecting");
    void this.#connect(this.#grant);
  };

  async #connect(grant: SlidesChat): Promise<void> {
    try {
      const { connectXmpp } = await import("./xmpp-connection");
      const receive = (message: Parameters<typeof sharingMessage>[0]) => {
        const change = sharingMessage(message);
        if (change !== undefined && !this.#isClosed) this.onMessage(change);
      };
      const connection = await connectXmpp(grant, receive, this.clock);
      this.#isConnecting = false;
      if (this.#isClosed || this.#grant?.roomJid !== grant.roomJid) connection.close();
      else {
        this.#connection = connection;
        this.#state.set("joined");
      }
      const joinedAt = this.clock.now();
      await connection.ended;
      if (this.clock.now() - joinedAt >= SETTLED_MS) this.#failures = 0;
      this.#connection = undefined;
    } catch {
      // Firestore has the same changes a little later, so the reason needs no report.
      this.#isConnecting = false;
    }
    this.#connectLater();
  }

  #connectLater(): void {
    if (this.#isClosed) return;
    this.#state.set(this.#grant === undefined ? "off" : "connecting");
    const pauseMs = listedBackoffMs(PAUSES_MS, this.#failures);
    this.#failures += 1;
    this.#cancel = this.clock.after(pauseMs * (0.75 + Math.random() / 2), this.#connectNow);
  }
}
