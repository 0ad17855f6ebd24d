import { provideZonelessChangeDetection, signal } from "@angular/core";
import { type ComponentFixture, TestBed } from "@angular/core/testing";
import { ARABIC, ENGLISH, type Texts } from "greenroom/core";

import { Browser, fileOf } from "../../../core/testing/browser";
import { eventually } from "../../../core/testing/until";
import { provideGreenroom } from "../provide-greenroom";
import { injectUploads } from "../uploads";
import { UploadList } from "./upload-list";

vi.setConfig({ testTimeout: 20_000 });

const SESSION = { sessionId: "fractions" };

let browser: Browser;
let fixture: ComponentFixture<UploadList>;
const texts = signal<Texts>(ENGLISH);
const element = () => fixture.nativeElement as HTMLElement;
const items = () => [...element().querySelectorAll<HTMLElement>(".gr-upload-item")];
const statesShown = () => items().map((item) => item.dataset["state"]);
const button = (name: string) =>
  [...element().querySelectorAll<HTMLButtonElement>("button")].find(
    (one) => (one.getAttribute("aria-label") ?? one.textContent.trim()) === name,
  );

function uploads() {
  const present = TestBed.runInInjectionContext(() => injectUploads())();
  if (present === undefined) throw new Error("Nobody is signed in.");
  return present;
}

/** Wait until what is rendered meets a condition. */
function shows(condition: () => boolean): Promise<void> {
  return eventually(async () => {
    await fixture.whenStable();
    return condition();
  });
}

/** Hold back each request with bytes until the returned function is called. */
function holdBytes(): () => void {
  let release = () => {};
  const until = new Promise<void>((resolve) => (release = resolve));
  browser.server.faultOf = () => ({ kind: "hold", until });
  return release;
}

beforeEach(async () => {
  browser = await Browser.open();
  texts.set(ENGLISH);
  const { app } = browser.greenroom();
  TestBed.configureTestingModule({
    providers: [
      provideZonelessChangeDetection(),
      provideGreenroom({ app, callablesUrl: `${browser.server.url}/call/`, uid: signal("teacher"), texts }),
    ],
  });
  fixture = TestBed.createComponent(UploadList);
  document.body.append(element());
  await fixture.whenStable();
});

afterEach(async () => {
  uploads().close();
  element().remove();
  TestBed.resetTestingModule();
  await browser.close();
});

it("shows nothing but an empty status while nothing is uploaded", () => {
  expect(element().textContent.trim()).toBe("");
  const status = element().querySelector<HTMLElement>("[role=status]");
  expect(status?.style.clipPath).toBe("inset(50%)");
});

it("shows each file with its progress, and all together", async () => {
  const release = holdBytes();
  await uploads().add([fileOf("halves.mp4", 3000), fileOf("thirds.mp4", 1000, 2)], SESSION);
  await shows(() => items().length === 2);
  expect(items()[0]?.textContent).toContain("halves.mp4");
  const bars = [...element().querySelectorAll("progress")].map((bar) => bar.getAttribute("aria-label"));
  expect(bars.slice(1)).toEqual(["halves.mp4", "thirds.mp4"].map((name) => ENGLISH.uploads.progressOf(name)));
  expect(element().querySelector(".gr-upload-total")?.textContent).toContain(ENGLISH.uploads.sentOf(0, 4000));
  release();
  await shows(() => statesShown().every((state) => state === "sent"));
});

it("says once that the browser is offline, not for each file again", async () => {
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  browser.server.faultOf = () => ({ kind: "cut", afterBytes: 0 });
  try {
    dispatchEvent(new Event("offline"));
    await uploads().add([fileOf("halves.mp4", 3000)], SESSION);
    await shows(() => statesShown()[0] === "waiting");
    expect(element().textContent).toContain(ENGLISH.uploads.offline);
    expect(element().textContent).not.toContain(ENGLISH.errors.UNREACHABLE);
  } finally {
    Reflect.deleteProperty(navigator, "onLine");
    dispatchEvent(new Event("online"));
  }
});

it("pauses and resumes one file by its button, and keeps the focus on it", async () => {
  const release = holdBytes();
  await uploads().add([fileOf("halves.mp4", 3000)], SESSION);
  await shows(() => statesShown()[0] === "sending");
  button(ENGLISH.uploads.pauseFile("halves.mp4"))?.focus();
  button(ENGLISH.uploads.pauseFile("halves.mp4"))?.click();
  await shows(() => statesShown()[0] === "paused");
  expect(items()[0]?.contains(document.activeElement)).toBe(true);
  release();
  browser.server.faultOf = () => undefined;
  button(ENGLISH.uploads.resumeFile("halves.mp4"))?.click();
  await shows(() => statesShown()[0] === "sent");
});

it("asks before it cancels, and moves the focus to the next file", async () => {
  const release = holdBytes();
  await uploads().add([fileOf("halves.mp4", 3000), fileOf("thirds.mp4", 3000, 2)], SESSION);
  await shows(() => statesShown()[0] === "sending");
  let mayCancel = false;
  fixture.componentRef.setInput("confirmCancel", () => mayCancel);
  await fixture.whenStable();
  button(ENGLISH.uploads.cancelFile("halves.mp4"))?.click();
  await fixture.whenStable();
  expect(items()).toHaveLength(2);

  mayCancel = true;
  button(ENGLISH.uploads.cancelFile("halves.mp4"))?.focus();
  button(ENGLISH.uploads.cancelFile("halves.mp4"))?.click();
  await shows(() => items().length === 1);
  expect(browser.server.called("cancelUpload")).toHaveLength(1);
  await shows(() => document.activeElement === items()[0]);
  release();
});

it("says why an upload failed, and tries it again", async () => {
  let isFull = true;
  browser.server.refusalOf = (name) => (name === "issueUploadToken" && isFull ? { code: "QUOTA_USED_UP" } : undefined);
  await uploads().add([fileOf("halves.mp4", 3000)], SESSION);
  await shows(() => statesShown()[0] === "failed");
  expect(items()[0]?.textContent).toContain(ENGLISH.errors.QUOTA_USED_UP);
  isFull = false;
  button(ENGLISH.uploads.retryFile("halves.mp4"))?.click();
  await shows(() => statesShown()[0] === "sent");
});

it("announces files that end together once, and no progress", async () => {
  const status = () => element().querySelector(".gr-upload-announcer")?.textContent ?? "";
  const said: string[] = [];
  const observer = new MutationObserver(() => said.push(status()));
  observer.observe(element(), { subtree: true, childList: true, characterData: true });
  await uploads().add([fileOf("halves.mp4", 9000), fileOf("thirds.mp4", 9000, 2)], SESSION);
  await shows(() => statesShown().length === 2 && statesShown().every((state) => state === "sent"));
  await shows(() => status() !== "");
  observer.disconnect();
  const sentences = ["halves.mp4", "thirds.mp4"].map((name) => ENGLISH.uploads.announceSent(name));
  expect(sentences.every((sentence) => status().includes(sentence))).toBe(true);
  expect(new Set(said.filter((one) => one !== "")).size).toBe(1);
});

it("shows the uploads of one session only, if it is given one", async () => {
  const release = holdBytes();
  await uploads().add([fileOf("halves.mp4", 3000)], SESSION);
  await uploads().add([fileOf("leaves.mp4", 3000, 2)], { sessionId: "botany" });
  fixture.componentRef.setInput("sessionId", "botany");
  await shows(() => items().length === 1);
  expect(items()[0]?.textContent).toContain("leaves.mp4");
  release();
});

it("changes its language without being created again", async () => {
  const release = holdBytes();
  await uploads().add([fileOf("halves.mp4", 3000)], SESSION);
  await shows(() => statesShown()[0] === "sending");
  texts.set(ARABIC);
  await fixture.whenStable();
  expect(button(ARABIC.uploads.pauseFile("halves.mp4"))).toBeDefined();
  release();
});
