/** How long the last chunk waits for the others; 45 s at Kaltura. */
const FINAL_WAIT_MS = 300;

interface Token {
  bytes: Buffer | undefined;
  readonly aside: Map<number, Buffer>;
  receivedBytes: number;
  isClosed: boolean;
}

type Outcome = { readonly code: string } | { readonly bytes: number; readonly isFinal: boolean };

/** Kaltura's uploadToken.upload, by the rules of emulator_tests/simulators/kaltura/responses/services/uploads.py. */
export class KalturaTokens {
  readonly #tokens = new Map<string, Token>();

  add(id: string): void {
    this.#tokens.set(id, { bytes: undefined, aside: new Map(), receivedBytes: 0, isClosed: false });
  }

  reopen(id: string): void {
    const token = this.#tokens.get(id);
    if (token !== undefined) token.isClosed = false;
  }

  receivedBytes(id: string): number {
    return this.#tokens.get(id)?.receivedBytes ?? 0;
  }

  bytesOf(id: string): Buffer | undefined {
    return this.#tokens.get(id)?.bytes;
  }

  async upload(id: string, form: Map<string, Buffer>): Promise<Outcome> {
    const token = this.#tokens.get(id);
    if (token === undefined) return { code: "UPLOAD_TOKEN_NOT_FOUND" };
    if (token.isClosed) return { code: "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD" };
    const data = form.get("fileData") ?? Buffer.alloc(0);
    const isFinal = form.get("finalChunk")?.toString() === "true";
    const begin = Number(form.get("resumeAt")?.toString());
    if (form.get("resume")?.toString() !== "true") token.bytes = Buffer.from(data);
    else if (token.bytes === undefined) return { code: "UPLOAD_TOKEN_CANNOT_RESUME" };
    else if (isFinal) {
      token.aside.set(begin, data);
      if (!(await this.#assembled(token, begin + data.length)))
        return { code: "UPLOAD_TOKEN_CANNOT_MATCH_EXPECTED_SIZE" };
      if (token.isClosed) return { code: "UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD" };
    } else this.#resume(token, begin, data);
    token.receivedBytes = Math.max(
      form.get("resume")?.toString() === "true" ? token.receivedBytes : 0,
      token.bytes?.length ?? 0,
    );
    token.isClosed = isFinal;
    return { bytes: token.receivedBytes, isFinal };
  }

  #resume(token: Token, begin: number, data: Buffer): void {
    // Chunks that wait are taken in before this one, not after it.
    takeIn(token);
    const total = token.bytes?.length ?? 0;
    if (begin > total) token.aside.set(begin, data);
    else if (total < begin + data.length)
      token.bytes = Buffer.concat([token.bytes?.subarray(0, begin) ?? Buffer.alloc(0), data]);
  }

  async #assembled(token: Token, size: number): Promise<boolean> {
    const deadline = performance.now() + FINAL_WAIT_MS;
    for (;;) {
      takeIn(token);
      if (token.bytes?.length === size) return true;
      if (performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function takeIn(token: Token): void {
  for (;;) {
    const total = token.bytes?.length ?? 0;
    const next = token.aside.get(total);
    if (next === undefined || next.length === 0) return;
    token.bytes = Buffer.concat([token.bytes ?? Buffer.alloc(0), next]);
    token.aside.delete(total);
  }
}
