import { expect, type Page } from "@playwright/test";

/** A segment of a playlist: its date, its length in seconds and the end of its address. */
const SEGMENT = /#EXT-X-PROGRAM-DATE-TIME:(.+)\n#EXTINF:([\d.]+),\n(.+)/g;

/** How many readings have to agree: a segment may be loaded, but not yet in the buffer. */
const AGREEING = 6;

/** A change of what a page shows, with the date of the displayed frame at that moment. */
export interface DatedChange {
  readonly shown: string;
  readonly at: Date;
  readonly pictureAt: Date;
}

/** The dates of a live stream's frames, from its playlist and its buffer, independent of the client's own code. */
export class LivePicture {
  /** When each segment ends, in milliseconds since the epoch. */
  readonly #ends = new Map<string, number>();
  #newest = "";

  /** Create it before the picture is loaded. */
  constructor(private readonly page: Page) {
    page.on("response", async (response) => {
      const name = new URL(response.url()).pathname.split("/").at(-1) ?? "";
      if (name.endsWith(".ts")) this.#newest = name;
      if (!name.startsWith("index-")) return;
      for (const [, date, seconds, segment] of (await response.text()).matchAll(SEGMENT)) {
        this.#ends.set(segment!, Date.parse(date!) + Number(seconds) * 1000);
      }
    });
  }

  /** Record every change of an element's attribute, also if another element takes its place. */
  async record(selector: string, attribute: string): Promise<void> {
    await this.page.evaluate(
      ([selector, attribute]) => {
        const changes: { shown: string; at: number; position: number }[] = [];
        const look = () => {
          const shown = document.querySelector(selector)?.getAttribute(attribute) ?? "";
          if (shown === changes.at(-1)?.shown) return;
          changes.push({ shown, at: Date.now(), position: document.querySelector("video")?.currentTime ?? NaN });
        };
        look();
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
        Object.assign(window, { changes });
      },
      [selector, attribute] as const,
    );
  }

  /** Return the changes since `record`. */
  async changes(): Promise<DatedChange[]> {
    const startMs = await this.#startMs();
    const changes = await this.page.evaluate(
      () => (window as unknown as { changes: { shown: string; at: number; position: number }[] }).changes,
    );
    return changes.map(({ shown, at, position }) => ({
      shown,
      at: new Date(at),
      pictureAt: new Date(startMs + position * 1000),
    }));
  }

  /** The date of the position 0. */
  async #startMs(): Promise<number> {
    const readings: number[] = [];
    const agreeing = async () => {
      const end = await this.page.evaluate(() => {
        const { buffered } = document.querySelector("video")!;
        return buffered.length === 0 ? NaN : buffered.end(buffered.length - 1);
      });
      readings.push((this.#ends.get(this.#newest) ?? NaN) - end * 1000);
      return readings.filter((one) => Math.abs(one - readings.at(-1)!) < 300).length;
    };
    await expect.poll(agreeing, { intervals: [100] }).toBeGreaterThan(AGREEING);
    return readings.at(-1)!;
  }
}
