/// <reference path="./xmpp-modules.d.ts" />
import { Client, jid, xml, type XmlElement } from "@xmpp/client-core";
import iqCallee from "@xmpp/iq/callee.js";
import iqCaller from "@xmpp/iq/caller.js";
import middlewareOf from "@xmpp/middleware";
import resourceBinding from "@xmpp/resource-binding";
import sasl from "@xmpp/sasl";
import plain from "@xmpp/sasl-plain";
import streamFeaturesOf from "@xmpp/stream-features";
import websocket from "@xmpp/websocket";
import SASLFactory from "saslmechanisms";

import type { Clock } from "../clock";
import { newId } from "../new-id";
import type { SlidesChat } from "../schema/types";
import type { RoomMessage } from "./sharing-message";

const MUC = "http://jabber.org/protocol/muc";
const PING = "urn:xmpp:ping";

/** How often the server is pinged: a WebSocket does not notice a dead connection. */
const PING_MS = 45_000;
const PING_TIMEOUT_MS = 15_000;
const JOIN_TIMEOUT_MS = 15_000;

/** An open connection that has joined the room. */
export interface XmppConnection {
  /** Resolves when the connection has ended, for any reason. */
  readonly ended: Promise<void>;
  close(): void;
}

/**
 * Connect to the chat server by WebSocket, and join the room.
 *
 * It combines the parts of @xmpp/client itself: the package's own index also imports modules that only Node.js has,
 * which bundlers refuse.
 *
 * @throws Error if the server cannot be reached, refuses the login, or the room refuses the user.
 */
export async function connectXmpp(
  { address, jid: ownJid, roomJid, password }: SlidesChat,
  onMessage: (message: RoomMessage) => void,
  clock: Clock,
): Promise<XmppConnection> {
  const { local: username, domain } = jid(ownJid);
  const { client, caller } = clientOf(address, domain, username, password);
  let close = () => {};
  const ended = new Promise<void>((resolve) => {
    close = resolve;
    client.on("disconnect", () => resolve());
  });
  // Every error also ends the connection.
  client.on("error", () => {});
  const joined = joining(client, roomJid, clock);
  client.on("stanza", (stanza) => {
    if (!stanza.is("message") || stanza.attrs["type"] !== "groupchat") return;
    const { from = "/", event } = stanza.attrs;
    if (from.split("/")[0] === roomJid) onMessage({ from, event, body: stanza.getChildText("body") });
  });
  try {
    await client.start();
    const nick = `${username}-${newId().slice(0, 8)}`;
    const history = xml("history", { maxstanzas: "0" });
    await client.send(xml("presence", { to: `${roomJid}/${nick}` }, xml("x", { xmlns: MUC }, history)));
    await joined;
  } catch (error) {
    stop(client);
    throw error;
  }
  const stopPinging = pinging(() => caller.request(ping(domain), PING_TIMEOUT_MS), clock, close);
  void ended.then(() => {
    stopPinging();
    stop(client);
  });
  return { ended, close };
}

function clientOf(service: string, domain: string, username: string, password: string) {
  const client = new Client({ service, domain });
  websocket({ entity: client });
  const middleware = middlewareOf({ entity: client });
  const streamFeatures = streamFeaturesOf({ middleware });
  const caller = iqCaller({ middleware, entity: client });
  iqCallee({ middleware, entity: client }).get(PING, "ping", () => ({}));
  const saslFactory = new SASLFactory();
  plain(saslFactory);
  sasl({ streamFeatures, saslFactory }, (authenticate) => authenticate({ username, password }, "PLAIN"));
  resourceBinding({ iqCaller: caller, streamFeatures });
  return { client, caller };
}

/** Resolve when the room confirms that we have joined. */
function joining(client: Client, roomJid: string, clock: Clock): Promise<void> {
  const joined = new Promise<void>((resolve, reject) => {
    const refuse = () => reject(new Error("The chat room does not admit this user."));
    const cancel = clock.after(JOIN_TIMEOUT_MS, refuse);
    client.on("stanza", (stanza) => {
      if (!stanza.is("presence") || stanza.attrs["from"]?.split("/")[0] !== roomJid) return;
      if (stanza.attrs["type"] === "error") refuse();
      else if (isOwnPresence(stanza)) resolve();
      else return;
      cancel();
    });
  });
  joined.catch(() => {}); // If the connection fails first, nothing awaits this promise.
  return joined;
}

/** Return whether a presence is our own: XEP-0045, status code 110. */
function isOwnPresence(presence: XmlElement): boolean {
  const statuses = presence.getChild("x", `${MUC}#user`)?.getChildren("status") ?? [];
  return statuses.some(({ attrs }) => attrs["code"] === "110");
}

function ping(domain: string): XmlElement {
  return xml("iq", { type: "get", to: domain }, xml("ping", { xmlns: PING }));
}

/** Ping the server regularly, and end the connection if it does not answer. @returns a function that stops. */
function pinging(ask: () => Promise<unknown>, clock: Clock, end: () => void): () => void {
  let cancel = () => {};
  let isStopped = false;
  const wait = () => {
    if (isStopped) return;
    cancel = clock.after(PING_MS, () => {
      ask().then(wait, (error: Error) => (error.name === "TimeoutError" ? end() : wait()));
    });
  };
  wait();
  return () => {
    isStopped = true;
    cancel();
  };
}

function stop(client: Client): void {
  client.stop().catch(() => {});
}
