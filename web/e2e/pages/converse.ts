/** A page that follows slides by converse.js, and shows them to others, for the tests: they call `window.slides`. */
import { converseSlidesPlugin, Greenroom, LiveAdmission, SlidesFollower, SlidesPresenter } from "greenroom/core";
import { initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth, signInWithEmailAndPassword } from "firebase/auth";
import { connectFirestoreEmulator, disableNetwork, doc, serverTimestamp, setDoc, Timestamp } from "firebase/firestore";

interface Deployment {
  readonly projectId: string;
  readonly authUrl: string;
  readonly firestoreUrl: string;
  readonly email: string;
  readonly password: string;
  readonly sessionId: string;
}

async function connect({ projectId, authUrl, firestoreUrl, email, password, sessionId }: Deployment) {
  const app = initializeApp({ projectId, apiKey: "of-the-emulator" });
  const auth = getAuth(app);
  connectAuthEmulator(auth, authUrl, { disableWarnings: true });
  const greenroom = new Greenroom(app, { callablesUrl: "/call/", apiUrl: "/api/" });
  const { hostname, port } = new URL(firestoreUrl);
  connectFirestoreEmulator(greenroom.firestore, hostname, Number(port));
  const { user } = await signInWithEmailAndPassword(auth, email, password);
  const admission = new LiveAdmission(greenroom, sessionId);
  const follower = new SlidesFollower(greenroom, sessionId, admission.slides);
  const heard: number[] = [];
  let room: any;
  let api: any;
  return {
    /** Show slides; the session has to exist. */
    present: () => new SlidesPresenter(greenroom, sessionId, admission.slides),
    /** The revisions that converse.js has passed on. */
    heard,
    async createSession(): Promise<void> {
      const [createdAt, updatedAt] = [serverTimestamp(), serverTimestamp()];
      const [startsAt, endsAt] = [-5, 60].map((minutes) => Timestamp.fromMillis(Date.now() + minutes * 60_000));
      const fields = { title: "Lenses", status: "public", format: "liveStreaming", visibility: "open" };
      const times = { startsAt, endsAt, createdAt, updatedAt };
      await setDoc(doc(greenroom.firestore, "sessions", sessionId), { ownerUid: user.uid, ...fields, ...times });
    },
    /** Join; resolves to whether there are grants, with a chat. */
    async join(): Promise<boolean> {
      await admission.join();
      return admission.slidesChat.value !== undefined;
    },
    /** Enter the room by converse.js, and follow what it and Firestore tell. */
    async follow(converseUrl: string): Promise<void> {
      const chat = admission.slidesChat.value;
      if (chat === undefined) throw new Error("There is no grant for the chat room.");
      const loaded = await import(converseUrl);
      const plugin = converseSlidesPlugin(admission.slidesChat, (message) => {
        heard.push(message.revision);
        follower.receive(message);
      });
      loaded.converse.plugins.add("greenroom", plugin);
      api = loaded.api;
      await loaded.converse.initialize({
        whitelisted_plugins: ["greenroom"],
        // The first three load more files; the last counts stanzas, and one that a test repeats confuses it.
        blacklisted_plugins: ["converse-omemo", "converse-emoji", "converse-reactions", "converse-smacks"],
        websocket_url: chat.address,
        discover_connection_methods: false,
        auto_login: true,
        jid: chat.jid,
        password: chat.password,
        keepalive: false,
        persistent_store: "sessionStorage",
        i18n: "en",
        loglevel: "error",
      });
      room = await api.rooms.open(chat.roomJid, { nick: user.uid }, true);
      follower.follow();
    },
    isInRoom: (): boolean => room.isEntered(),
    /** Leave nothing but the chat room to hear changes by. */
    loseFirestore: () => disableNetwork(greenroom.firestore),
    view: () => ({ page: follower.slide.value.page, revision: follower.slide.value.revision }),
    hasImage: () => follower.slide.value.imageUrl !== undefined,
    /** Send something to the room. @returns the condition of the error that it is refused with, or what comes back. */
    send(body: string, event?: string): Promise<string> {
      const id = crypto.randomUUID();
      const message = new DOMParser().parseFromString('<message xmlns="jabber:client"><body/></message>', "text/xml");
      const stanza = message.documentElement;
      stanza.querySelector("body")!.textContent = body;
      const attributes = { id, to: room.get("jid"), type: "groupchat", ...(event === undefined ? {} : { event }) };
      for (const [name, value] of Object.entries(attributes)) stanza.setAttribute(name, value);
      return new Promise((resolve) => {
        const answered = (answer: Element) => resolve(answer.querySelector("error > *")?.localName ?? "sent");
        api.connection.get().addHandler(answered, null, "message", null, id);
        api.send(stanza);
      });
    },
    /** What the conversation shows. */
    conversation: (): string[] =>
      room.messages.models.flatMap((message: any) => (message.get("body") === undefined ? [] : [message.get("body")])),
  };
}

export type ConversePage = Awaited<ReturnType<typeof connect>>;

Object.assign(window, { connect });
