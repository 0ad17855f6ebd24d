import { Component, provideZonelessChangeDetection, signal } from "@angular/core";
import { type ComponentFixture, TestBed } from "@angular/core/testing";
import { deleteApp, type FirebaseApp, initializeApp } from "firebase/app";
import { Greenroom, GreenroomError, type Observer } from "greenroom/core";

import { fromReadable } from "./from-readable";
import { GREENROOM } from "./tokens";
import { injectFirestoreResource } from "./firestore-resource";
import { Store } from "../../core/src/store";

const id = signal<string | undefined>(undefined);
/** The listeners that are listening, by what they listen to. */
const listening = new Map<string, Observer<string>>();

@Component({ template: "{{ resource.value() }}" })
class Listening {
  readonly resource = injectFirestoreResource<string>((_greenroom, observer) => {
    const present = id();
    if (present === undefined) return undefined;
    listening.set(present, observer);
    return () => listening.delete(present);
  });
}

const store = new Store("one");
const chosen = signal<Store<string> | undefined>(store);

@Component({ template: "{{ fixed() }} {{ current() }}" })
class Reading {
  readonly fixed = fromReadable(store);
  readonly current = fromReadable(() => chosen());
}

let app: FirebaseApp;

beforeEach(() => {
  app = initializeApp({ projectId: "school", apiKey: "none" }, `app-${Math.random()}`);
  TestBed.configureTestingModule({
    providers: [provideZonelessChangeDetection(), { provide: GREENROOM, useValue: new Greenroom(app) }],
  });
  id.set(undefined);
  listening.clear();
});

afterEach(() => deleteApp(app));

describe("injectFirestoreResource", () => {
  let fixture: ComponentFixture<Listening>;
  const resource = () => fixture.componentInstance.resource;

  beforeEach(async () => {
    fixture = TestBed.createComponent(Listening);
    await fixture.whenStable();
  });

  it("does not listen while there is nothing to listen to", () => {
    expect(listening.size).toBe(0);
    expect(resource().isLoading()).toBe(true);
  });

  it("shows the value, and drops it when it listens to something else", async () => {
    id.set("a");
    await fixture.whenStable();
    listening.get("a")?.next("value of a");
    await fixture.whenStable();
    expect((fixture.nativeElement as HTMLElement).textContent).toBe("value of a");
    id.set("b");
    await fixture.whenStable();
    expect([...listening.keys()]).toEqual(["b"]);
    expect([resource().value(), resource().isLoading()]).toEqual([undefined, true]);
  });

  it("shows an error until there is a value after a reload", async () => {
    id.set("a");
    await fixture.whenStable();
    const refused = new GreenroomError("DOCUMENT_NOT_READABLE", "no", false);
    listening.get("a")?.error(refused);
    expect([resource().error(), resource().isLoading()]).toEqual([refused, false]);
    resource().reload();
    await fixture.whenStable();
    expect([resource().error(), resource().isLoading()]).toEqual([refused, true]);
    listening.get("a")?.next("value");
    expect([resource().value(), resource().error(), resource().isLoading()]).toEqual(["value", undefined, false]);
  });

  it("stops listening with its component", async () => {
    id.set("a");
    await fixture.whenStable();
    fixture.destroy();
    expect(listening.size).toBe(0);
  });
});

describe("fromReadable", () => {
  it("follows a store, and another one in its place, until its component is gone", async () => {
    const fixture = TestBed.createComponent(Reading);
    await fixture.whenStable();
    const text = () => (fixture.nativeElement as HTMLElement).textContent;
    expect(text()).toBe("one one");
    store.set("two");
    await fixture.whenStable();
    expect(text()).toBe("two two");
    chosen.set(new Store("other"));
    await fixture.whenStable();
    expect(text()).toBe("two other");
    chosen.set(undefined);
    await fixture.whenStable();
    expect(text()).toBe("two ");
    const { current } = fixture.componentInstance;
    fixture.destroy();
    store.set("three");
    expect(current()).toBeUndefined();
  });
});
