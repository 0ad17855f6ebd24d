import { provideZonelessChangeDetection } from "@angular/core";
import { type ComponentFixture, TestBed } from "@angular/core/testing";
import { ENGLISH, type CurrentSlide } from "greenroom/core";

import { SlideView } from "./slide-view";

const MEDIA = { id: "m1", title: "Lenses", pageCount: 12, uploadState: "ready" } as const;

let fixture: ComponentFixture<SlideView>;
const element = () => fixture.nativeElement as HTMLElement;
const image = () => element().querySelector<HTMLImageElement>(".gr-slide-image");
const announced = () => element().querySelector(".gr-slide-announcer")?.textContent;

async function show(slide: Partial<CurrentSlide>): Promise<void> {
  const whole = { media: MEDIA, page: 3, revision: 1, isGap: false, nextImageUrls: [], ...slide };
  fixture.componentRef.setInput("slide", whole);
  await fixture.whenStable();
}

beforeEach(async () => {
  Object.defineProperty(document, "fullscreenEnabled", { value: true, configurable: true });
  TestBed.configureTestingModule({ providers: [provideZonelessChangeDetection()] });
  fixture = TestBed.createComponent(SlideView);
  await fixture.whenStable();
});

it("says that nothing is shown", () => {
  expect(element().textContent).toContain(ENGLISH.slides.nothingShown);
  expect(announced()).toBe("");
  expect(element().querySelector<HTMLElement>(".gr-slide-announcer")?.style.clipPath).toBe("inset(50%)");
});

it("shows the page with its alternative text, its size and its number, and announces it", async () => {
  await show({ imageUrl: "https://example.com/3.png", width: 1920, height: 1080 });
  expect(image()?.alt).toBe(ENGLISH.slides.pageOf(3, 12, "Lenses"));
  expect([image()?.getAttribute("width"), image()?.getAttribute("height")]).toEqual(["1920", "1080"]);
  expect(element().querySelector(".gr-slide-position")?.textContent).toBe(ENGLISH.slides.position(3, 12));
  expect(announced()).toBe(ENGLISH.slides.pageOf(3, 12, "Lenses"));
});

it("says that a page is being loaded, and that a document was deleted", async () => {
  await show({});
  expect(element().textContent).toContain(ENGLISH.slides.loading);
  await show({ isGap: true });
  expect(element().textContent).toContain(ENGLISH.slides.gap);
  expect(image()).toBeNull();
});

it("loads the pages that may come next, each once", async () => {
  const loaded: string[] = [];
  const { Image } = globalThis;
  globalThis.Image = class {
    set src(url: string) {
      loaded.push(url);
    }
  } as unknown as typeof Image;
  try {
    await show({ nextImageUrls: ["https://example.com/4.png", "https://example.com/2.png"] });
    await show({ page: 4, nextImageUrls: ["https://example.com/4.png", "https://example.com/5.png"] });
  } finally {
    globalThis.Image = Image;
  }
  expect(loaded).toEqual(["https://example.com/4.png", "https://example.com/2.png", "https://example.com/5.png"]);
});

it("enlarges the page in a frame that keys can scroll", async () => {
  await show({ imageUrl: "https://example.com/3.png" });
  const zoom = element().querySelector<HTMLButtonElement>("[data-action=zoom]");
  zoom?.click();
  await fixture.whenStable();
  expect(zoom?.getAttribute("aria-pressed")).toBe("true");
  const frame = element().querySelector(".gr-slide-frame");
  expect([frame?.getAttribute("tabindex"), frame?.getAttribute("role")]).toEqual(["0", "region"]);
});

it("offers the document to those who may have it", async () => {
  await show({ imageUrl: "https://example.com/3.png" });
  expect(element().querySelector("[data-action=download]")).toBeNull();
  await show({ media: { ...MEDIA, downloadUrl: "https://example.com/lenses.pdf" } });
  expect(element().querySelector("[data-action=download]")?.getAttribute("href")).toBe(
    "https://example.com/lenses.pdf",
  );
});
