import { stack } from "./stack";

export interface LineReport {
  /** How many connections there have been. */
  readonly connections: number;
  /** How many bytes have gone to the server. */
  readonly sentBytes: number;
  /** How many breaks that were asked for have come. */
  readonly broken: number;
}

/**
 * The line between all pages and one server: a TCP proxy, `emulator_tests/testbed/line.py`. The functions have lines of
 * their own, which never break. Call `heal` in `afterEach`; tests that use a line may not run beside others that do.
 */
export class Line {
  constructor(readonly server: "kaltura" | "cloudflare" | "storage" | "site") {}

  /** Reset every connection, those of requests under way too, and each new one until `heal`. */
  breakAll(): Promise<LineReport> {
    return this.ask("break");
  }

  /**
   * End one connection after so many more bytes; more than one break may be asked for. A browser sends a request again
   * by itself if the connection had served another one before and ends without an answer: break it twice to see a failure.
   */
  breakLater(afterBytes: number, options: { losesAnswer?: boolean; resets?: boolean } = {}): Promise<LineReport> {
    return this.ask("break-later", { afterBytes, ...options });
  }

  /** Keep every connection, but carry nothing until `heal`. */
  stall(): Promise<LineReport> {
    return this.ask("stall");
  }

  /** Carry so many bytes a second in each direction, for all connections together, each of them so late. */
  slowDown(speed: { bytesPerS?: number; delayS?: number }): Promise<LineReport> {
    return this.ask("slow-down", speed);
  }

  /** Be a good line again. */
  heal(): Promise<LineReport> {
    return this.ask("heal");
  }

  async report(): Promise<LineReport> {
    return (await fetch(`${stack.linesUrl}/${this.server}`)).json();
  }

  private async ask(act: string, body: object = {}): Promise<LineReport> {
    const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(`${stack.linesUrl}/${this.server}/${act}`, request);
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }
}
