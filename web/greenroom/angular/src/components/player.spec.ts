import { provideZonelessChangeDetection } from "@angular/core";
import { type ComponentFixture, TestBed } from "@angular/core/testing";
import { ENGLISH, type Observer, type Session, type WithId } from "greenroom/core";

import { eventually } from "../../../core/testing/until";
import { answerJson, LocalServer } from "../../../core/testing/local-server";
import { GREENROOM } from "../tokens";
import { Player } from "./player";

const VIDEO = "9f86d081884c7d659a2f";
const OTHER = "60303ae22b998861bce3";

let server: LocalServer;
let fixture: ComponentFixture<Player>;
let asked: string[];
/** What the server answers to each request. */
let codeOf: () => string;
const element = () => fixture.nativeElement as HTMLElement;
const shown = () => element().querySelector(".gr-player-message")?.textContent.trim();

async function open(videoId = VIDEO): Promise<void> {
  fixture.componentRef.setInput("target", { videoId });
  await fixture.whenStable();
}

beforeEach(async () => {
  server = await LocalServer.start();
  asked = [];
  codeOf = () => "VIDEO_NOT_FOUND";
  server.handle = (_request, body, response) => {
    asked.push((JSON.parse(body.toString()) as { data: { videoId: string } }).data.videoId);
    const details = { code: codeOf(), retryable: false };
    answerJson(response, 404, { error: { status: "NOT_FOUND", message: "refused", details } });
  };
  // jsdom plays nothing.
  HTMLMediaElement.prototype.load = () => undefined;
  HTMLMediaElement.prototype.pause = () => undefined;
  TestBed.configureTestingModule({
    providers: [provideZonelessChangeDetection(), { provide: GREENROOM, useValue: server.greenroom() }],
  });
  fixture = TestBed.createComponent(Player);
});

afterEach(async () => {
  TestBed.resetTestingModule();
  await server.close();
});

it("announces that the user may not watch, and makes the video inert", async () => {
  await open();
  await eventually(() => element().dataset["phase"] === "refused");
  await fixture.whenStable();
  expect(shown()).toBe(ENGLISH.player.phases.refused);
  expect(element().querySelector(".gr-player-message")?.getAttribute("role")).toBe("status");
  expect(element().querySelector("video")?.hasAttribute("inert")).toBe(true);
});

it("asks again on retry", async () => {
  await open();
  await eventually(() => element().querySelector(".gr-player-retry") !== null);
  element().querySelector<HTMLButtonElement>(".gr-player-retry")?.click();
  await eventually(() => asked.length === 2);
});

it("says when a live event begins, and that it is not live yet once that has passed", async () => {
  const sentences: string[] = [];
  const soon = Date.now() + 1_500;
  codeOf = () => "SESSION_NOT_OPEN_YET";
  const startsAt = { toDate: () => new Date(soon) };
  fixture.componentRef.setInput("options", {
    watchSession: (_id: string, observer: Observer<WithId<Session> | null>) => {
      observer.next({ startsAt, kaltura: { broadcast: "offline" } } as unknown as WithId<Session>);
      return () => undefined;
    },
  });
  fixture.componentRef.setInput("target", { sessionId: "lesson" });
  await eventually(() => {
    const sentence = shown();
    if (sentence && sentence !== sentences.at(-1)) sentences.push(sentence);
    return sentence === ENGLISH.player.phases.notYet;
  });
  expect(Date.now()).toBeGreaterThanOrEqual(soon - 1);
  expect(sentences).toContain(ENGLISH.player.opensAt(new Date(soon)));
});

it("loads the other video when its target changes, and not for an equal target", async () => {
  await open();
  await eventually(() => asked.length === 1);
  await open();
  await open(OTHER);
  await eventually(() => asked.length === 2);
  expect(asked).toEqual([VIDEO, OTHER]);
});

it("has the given label, or a default one", async () => {
  await open();
  const name = () => element().querySelector("video")?.getAttribute("aria-label");
  expect(name()).toBe(ENGLISH.player.label);
  fixture.componentRef.setInput("label", "Halves");
  await fixture.whenStable();
  expect(name()).toBe("Halves");
});
