/** Releases a claim. */
export type Release = () => void;

/** A message between the tabs of one user. */
export type TabMessage =
  /** An entry was added to the journal, or removed. */
  | { readonly kind: "changed" }
  /** The progress of an upload, from the tab that sends it. */
  | { readonly kind: "progress"; readonly id: string; readonly sentBytes: number }
  /** The user cancelled an upload in a tab that does not send it. */
  | { readonly kind: "cancel"; readonly id: string };

/**
 * Ensures that only one tab sends an upload, with Web Locks. The browser releases the claims of a tab that is closed or
 * crashes.
 *
 * Where Web Locks are missing or blocked, as on pages without HTTPS, each tab acts as if it were the only one.
 */
export class Tabs {
  readonly #channel: BroadcastChannel | undefined;
  readonly #closing = new AbortController();
  readonly #releases = new Set<Release>();

  constructor(
    private readonly name: string,
    onMessage: (message: TabMessage) => void,
  ) {
    try {
      this.#channel = new BroadcastChannel(name);
    } catch {
      return; // The browser has none, or blocks it as it blocks storage.
    }
    // Any page of this origin can send on this channel, also one of another version of this library.
    this.#channel.onmessage = ({ data }) => {
      if (isTabMessage(data)) onMessage(data);
    };
  }

  tell(message: TabMessage): void {
    if (!this.#closing.signal.aborted) this.#channel?.postMessage(message);
  }

  /** Claim an upload. @returns a function that releases the claim; `undefined` if another tab has it. */
  claim(id: string): Promise<Release | undefined> {
    return this.#request(id, { ifAvailable: true });
  }

  /** Wait until no other tab has an upload, and claim it. Never resolves once this object is closed. */
  async inherit(id: string): Promise<Release> {
    const release = await this.#request(id, { signal: this.#closing.signal });
    return release ?? (await new Promise<never>(() => undefined));
  }

  /** Run a function that no two tabs may run at the same time. */
  async alone<T>(run: () => Promise<T>): Promise<T> {
    const release = await this.#request("", {});
    try {
      return await run();
    } finally {
      release?.();
    }
  }

  /** Release all claims, as the browser does when the tab is closed. */
  close(): void {
    this.#closing.abort();
    for (const release of [...this.#releases]) release();
    this.#channel?.close();
  }

  #request(id: string, options: LockOptions): Promise<Release | undefined> {
    const locks = (navigator as Partial<Navigator>).locks;
    if (locks === undefined) return Promise.resolve(() => undefined);
    return new Promise((resolve) => {
      const held = locks.request(`${this.name}/${id}`, options, (lock) => {
        if (lock === null) return resolve(undefined);
        return new Promise<void>((end) => {
          const release = () => {
            this.#releases.delete(release);
            end();
          };
          this.#releases.add(release);
          if (this.#closing.signal.aborted) release();
          resolve(release);
        });
      });
      // Either this object was closed while it waited, or the browser blocks locks as it blocks storage.
      held.catch(() => resolve(this.#closing.signal.aborted ? undefined : () => undefined));
    });
  }
}

function isTabMessage(data: unknown): data is TabMessage {
  if (typeof data !== "object" || data === null) return false;
  const { kind, id, sentBytes } = data as Record<string, unknown>;
  if (kind === "changed") return true;
  return typeof id === "string" && (kind === "cancel" || (kind === "progress" && Number.isFinite(sentBytes)));
}
