import { provideZonelessChangeDetection } from "@angular/core";
import { TestBed } from "@angular/core/testing";
import { deleteApp, type FirebaseApp, initializeApp } from "firebase/app";
import { disableNetwork, doc, getDocFromCache } from "firebase/firestore";
import { GREENROOM } from "greenroom/angular";
import { Greenroom } from "greenroom/core";

import { PendingWrites } from "../ui/pending-writes";
import { SessionWrites } from "./session-writes";

const FIELDS = {
  title: "Fractions",
  format: "onDemand",
  visibility: "open",
  startsAt: null,
  endsAt: null,
  videoProvider: null,
} as const;

describe("SessionWrites without a connection", () => {
  let app: FirebaseApp;
  let greenroom: Greenroom;
  let writes: SessionWrites;

  beforeEach(async () => {
    app = initializeApp({ projectId: "school", apiKey: "none" }, `app-${Math.random()}`);
    greenroom = new Greenroom(app);
    await disableNetwork(greenroom.firestore);
    Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
    TestBed.configureTestingModule({
      providers: [provideZonelessChangeDetection(), SessionWrites, { provide: GREENROOM, useValue: greenroom }],
    });
    writes = TestBed.inject(SessionWrites);
  });

  afterEach(async () => {
    Object.defineProperty(navigator, "onLine", { value: true, configurable: true });
    await deleteApp(app);
  });

  it("keeps each change, shows it, and does not wait", async () => {
    const { id, isConfirmed } = await writes.create("teacher", FIELDS);
    expect(isConfirmed).toBe(false);
    expect(id).toMatch(/^[A-Za-z0-9-]{20,64}$/);
    const session = doc(greenroom.firestore, "sessions", id);
    expect((await getDocFromCache(session)).data()).toMatchObject({ title: "Fractions", status: "draft" });
    expect(await writes.change(id, { ...FIELDS, title: "Halves" })).toBe(false);
    expect(await writes.setStatus(id, "public")).toBe(false);
    expect((await getDocFromCache(session)).data()).toMatchObject({ title: "Halves", status: "public" });
    expect(await writes.enrol("teacher", id, "anna")).toBe(false);
    expect(await writes.unenrol(id, "anna")).toBe(false);
    expect(await writes.delete(id)).toBe(false);
    expect(TestBed.inject(PendingWrites).count()).toBe(6);
  });
});
