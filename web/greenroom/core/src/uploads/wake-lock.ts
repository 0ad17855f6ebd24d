/** Keeps the screen on while bytes are sent: a sleeping device sends none. */
export class WakeLock {
  #isWanted = false;
  #isAsking = false;
  #sentinel: WakeLockSentinel | undefined;

  constructor() {
    // The browser releases the lock whenever the page is hidden.
    document.addEventListener("visibilitychange", this.#update);
  }

  set(isWanted: boolean): void {
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    this.#update();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.#update);
    this.set(false);
  }

  readonly #update = () => {
    if (!this.#isWanted) {
      void this.#sentinel?.release().catch(() => undefined);
      this.#sentinel = undefined;
    } else if (document.visibilityState === "visible" && !this.#isAsking && (this.#sentinel?.released ?? true)) {
      void this.#request();
    }
  };

  async #request(): Promise<void> {
    // A second lock would never be released.
    this.#isAsking = true;
    try {
      const sentinel = await (navigator as Partial<Navigator>).wakeLock?.request("screen");
      if (this.#isWanted) this.#sentinel = sentinel;
      else await sentinel?.release();
    } catch {
      // The battery is low, or the browser does not allow it: the upload continues until the device sleeps.
    } finally {
      this.#isAsking = false;
    }
  }
}
