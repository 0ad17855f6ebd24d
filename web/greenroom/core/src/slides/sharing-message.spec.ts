import { describe, expect, it } from "vitest";

import { type ConverseContext, type ConverseMessage, converseSlidesPlugin } from "./converse-slides-plugin";
import { Store } from "../store";
import { sharingMessage, type SharingMessage } from "./sharing-message";

const ROOM = "session-1@rooms.chat.test";
const content = {
  id: "session-1",
  active_shared_live_media: { id: "m-1", title: "Fractions", nb_pages: 12 },
  active_shared_live_media_page: 3,
  revision: 8,
};
const change: SharingMessage = {
  event: "navigate_sharing",
  revision: 8,
  media: { id: "m-1", title: "Fractions", pageCount: 12 },
  page: 3,
};

const read = (fields: { from?: string; event?: string | null; body?: string | null }) =>
  sharingMessage({ from: ROOM, event: "navigate_sharing", body: JSON.stringify(content), ...fields });

describe("sharingMessage", () => {
  it("reads a change", () => {
    expect(read({})).toEqual(change);
  });

  it("reads the end of sharing", () => {
    const body = JSON.stringify({
      ...content,
      active_shared_live_media: null,
      active_shared_live_media_page: null,
      revision: 9,
    });
    expect(read({ event: "end_sharing", body })).toEqual({
      event: "end_sharing",
      revision: 9,
      media: null,
      page: null,
    });
  });

  it("reads a media without title and number of pages, which was deleted meanwhile", () => {
    const body = JSON.stringify({ ...content, active_shared_live_media: { id: "m-1" } });
    expect(read({ body })?.media).toEqual({ id: "m-1", title: null, pageCount: null });
  });

  it.each([
    ["has no event", { event: null }],
    ["has another event", { event: "poll" }],
    ["is from a person in the room", { from: `${ROOM}/teacher` }],
    ["has no body", { body: null }],
    ["is not JSON", { body: "page 3" }],
    ["is JSON without fields", { body: "null" }],
    ["has no revision", { body: JSON.stringify({ ...content, revision: "8" }) }],
    ["has a page that is no number", { body: JSON.stringify({ ...content, active_shared_live_media_page: "3" }) }],
    ["names its media by a number", { body: JSON.stringify({ ...content, active_shared_live_media: { id: 1 } }) }],
    ["has a media that is no object", { body: JSON.stringify({ ...content, active_shared_live_media: "m-1" }) }],
  ])("ignores a message that %s", (_what, fields) => {
    expect(read(fields)).toBeUndefined();
  });
});

describe("converseSlidesPlugin", () => {
  function parse(attributes: Record<string, string>, message: ConverseMessage) {
    const heard: SharingMessage[] = [];
    let parseMessage: ((stanza: Element, message: ConverseMessage) => ConverseMessage) | undefined;
    const context: ConverseContext = {
      _converse: { api: { listen: { on: (_name, listener) => (parseMessage = listener) } } },
    };
    converseSlidesPlugin(new Store({ roomJid: ROOM }), (one) => heard.push(one)).initialize.call(context);
    const stanza = document.createElement("message");
    for (const [name, value] of Object.entries(attributes)) stanza.setAttribute(name, value);
    return { heard, shown: parseMessage?.(stanza, message) };
  }

  it("passes a change on, and takes it out of the conversation", () => {
    const message = { body: JSON.stringify(content), nick: "room" };
    const { heard, shown } = parse({ from: ROOM, event: "navigate_sharing" }, message);
    expect(heard).toEqual([change]);
    expect(shown).toEqual({ body: undefined, nick: "room" });
  });

  it("leaves the conversation of people as it is", () => {
    const { heard, shown } = parse({ from: `${ROOM}/ana` }, { body: "Hello" });
    expect(heard).toEqual([]);
    expect(shown).toEqual({ body: "Hello" });
  });

  it("does not follow the changes of another room", () => {
    const from = "lesson@rooms.of-somebody-else.example";
    const { heard, shown } = parse({ from, event: "end_sharing" }, { body: JSON.stringify(content) });
    expect(heard).toEqual([]);
    expect(shown?.body).toBeUndefined();
  });

  it("hides a forged change, and does not follow it", () => {
    const { heard, shown } = parse({ from: `${ROOM}/eve`, event: "end_sharing" }, { body: JSON.stringify(content) });
    expect(heard).toEqual([]);
    expect(shown?.body).toBeUndefined();
  });
});
