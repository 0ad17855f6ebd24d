import { stack } from "./stack";

export interface LineReport {
  /** How many connections there have been. */
  readonly connections: number;
  /** How many bytes were forwarded to the server. */
  readonly sentBytes: number;
  /** How many scheduled breaks have happened. */
  readonly broken: number;
}

/**
 * A TCP proxy between all pages and one server, `emulator_tests/testbed/line.py`. The functions have proxies of their
 * own, which never break. Call `heal` in `afterEach`. Tests that use a line must not run in parallel with others that
 * do.
 */
export class Line {
  constructor(readonly server: "kaltura" | "cloudflare" | "storage" | "site") {}

  /** Reset every connection, also those in use, and each new one until `heal`. */
  breakAll(): Promise<LineReport> {
    return this.ask("break");
  }

  /**
   * Close one connection after so many more bytes. Several breaks can be scheduled. A browser retries a request by
   * itself if its connection was reused and ends without an answer: break it twice to see a failure.
   */
  breakLater(afterBytes: number, options: { losesAnswer?: boolean; resets?: boolean } = {}): Promise<LineReport> {
    return this.ask("break-later", { afterBytes, ...options });
  }

  /** Keep every connection open, but forward nothing until `heal`. */
  stall(): Promise<LineReport> {
    return this.ask("stall");
  }

  /** Limit the bytes per second in each direction, for all connections together, and delay each of them. */
  slowDown(speed: { bytesPerS?: number; delayS?: number }): Promise<LineReport> {
    return this.ask("slow-down", speed);
  }

  /** Forward everything again without faults. */
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
