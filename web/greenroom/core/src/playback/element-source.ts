import type { Source, SourceEvents } from "./source";

/** `HTMLMediaElement.getStartDate`, which browsers with native HLS have: the date of position 0. */
type WithStartDate = HTMLVideoElement & { getStartDate?: () => Date };

/** Plays a file, or HLS where the browser supports it natively and hls.js does not work. */
export class ElementSource implements Source {
  readonly #element: WithStartDate;
  readonly #listening = new AbortController();
  #url = "";
  #position: number | undefined;

  constructor(element: HTMLVideoElement, events: SourceEvents) {
    this.#element = element;
    const { signal } = this.#listening;
    element.addEventListener("loadedmetadata", () => this.#seek(), { signal });
    element.addEventListener("canplay", () => events.ready(), { signal });
    element.addEventListener(
      "error",
      () => {
        // A browser does not report the status of a refused URL: it only says that it "does not support the source".
        const code = element.error?.code;
        events.failed(code === MediaError.MEDIA_ERR_DECODE ? "broken" : navigator.onLine ? "refused" : "unreachable");
      },
      { signal },
    );
  }

  load(url: string, position?: number): void {
    this.#url = url;
    this.#position = position;
    this.#element.src = url;
    this.#element.load();
  }

  restart(): void {
    this.load(this.#url, this.#element.currentTime || this.#position);
  }

  setQuality(): void {}

  playingDate(): Date | undefined {
    const startedAt = this.#element.getStartDate?.().getTime() ?? NaN;
    return Number.isFinite(startedAt) ? new Date(startedAt + this.#element.currentTime * 1000) : undefined;
  }

  latencyS(): number | undefined {
    const edge = this.#edge();
    return edge === undefined ? undefined : Math.max(0, edge - this.#element.currentTime);
  }

  goLive(): void {
    const edge = this.#edge();
    if (edge !== undefined) this.#element.currentTime = edge;
  }

  close(): void {
    this.#listening.abort();
    this.#element.removeAttribute("src");
    this.#element.load();
  }

  #seek(): void {
    if (this.#position !== undefined) this.#element.currentTime = this.#position;
    this.#position = undefined;
  }

  #edge(): number | undefined {
    const { seekable } = this.#element;
    return seekable.length === 0 ? undefined : seekable.end(seekable.length - 1);
  }
}
