import { provideZonelessChangeDetection, signal } from "@angular/core";
import { TestBed } from "@angular/core/testing";
import { connectFirestoreEmulator, getFirestore } from "firebase/firestore";
import { provideGreenroom } from "greenroom/angular";
import { ENGLISH } from "greenroom/core";
import { readFileSync } from "node:fs";

import { Browser, fileOf } from "../../core/testing/browser";
import { eventually } from "../../core/testing/until";
import { Lesson } from "../testing/readme";

const readme = readFileSync("greenroom/README.md", "utf8");

it("is the code of the README, to the byte", () => {
  const code = readFileSync("greenroom/angular/testing/readme.ts", "utf8");
  expect(readme).toContain("```ts\n" + code + "```\n");
});

it("uploads the chosen files, and says which are refused", async () => {
  const browser = await Browser.open();
  const { app } = browser.greenroom();
  // The session is not read here: nothing listens at this port, and nobody on the internet is asked.
  connectFirestoreEmulator(getFirestore(app), "127.0.0.1", 1);
  const callablesUrl = `${browser.server.url}/call/`;
  TestBed.configureTestingModule({
    providers: [provideZonelessChangeDetection(), provideGreenroom({ app, callablesUrl, uid: signal("teacher") })],
  });
  const fixture = TestBed.createComponent(Lesson);
  fixture.componentRef.setInput("sessionId", "fractions");
  await fixture.whenStable();
  const element = fixture.nativeElement as HTMLElement;
  const picker = element.querySelector<HTMLInputElement>("input[type=file]:not([hidden])")!;
  const files = [fileOf("halves.mp4", 3000), fileOf("notes.txt", 10)];
  Object.defineProperty(picker, "files", { value: files });
  picker.dispatchEvent(new Event("change"));
  await eventually(async () => {
    await fixture.whenStable();
    return element.querySelector(".gr-upload-item[data-state=sent]") !== null;
  });
  const alert = element.querySelector("[role=alert]")?.textContent;
  expect(alert).toBe(`notes.txt: ${ENGLISH.errors.FILE_TYPE_NOT_SUPPORTED}`);
  TestBed.resetTestingModule();
  await browser.close();
});
