import { type DetailedError, Upload } from "tus-js-client";

import { Watchdog } from "../watchdog";
import { ProviderRefusal, providerUnavailable, unreachable } from "./failures";
import { ANSWERED_WITHIN_MS, type Sending, STALLED_AFTER_MS } from "./sending";

/**
 * Send a file, or the rest of it, with the tus protocol to an upload that exists already. The provider reports the
 * offset.
 *
 * @throws GreenroomError
 */
export async function sendByTus({ file, tokens, onProgress, signal }: Sending): Promise<void> {
  const { upload } = await tokens.current();
  let arrivedBytes = 0;
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error) => {
      watchdog.stop();
      void request.abort();
      reject(error);
    };
    const watchdog = new Watchdog(() => fail(unreachable()));
    const request = new Upload(file, {
      uploadUrl: upload.url,
      chunkSize: upload.chunkSizeBytes,
      retryDelays: null,
      // A fingerprint would store the upload URL, which is a secret, in localStorage.
      storeFingerprintForResuming: false,
      onProgress: (sentBytes) => {
        watchdog.expect(sentBytes < file.size ? STALLED_AFTER_MS : ANSWERED_WITHIN_MS);
        onProgress(sentBytes, arrivedBytes);
      },
      onChunkComplete: (_, acceptedBytes) => {
        arrivedBytes = acceptedBytes;
        onProgress(acceptedBytes, acceptedBytes);
      },
      onSuccess: () => {
        watchdog.stop();
        resolve();
      },
      onError: (error) => fail(failureOf(error)),
    });
    signal.addEventListener("abort", () => fail(unreachable()), { once: true });
    if (signal.aborted) return fail(unreachable());
    watchdog.expect(ANSWERED_WITHIN_MS);
    request.start();
  });
}

/** Return an error without the upload URL, which is part of tus-js-client's messages. */
function failureOf(error: Error | DetailedError): Error {
  const status = "originalResponse" in error ? (error.originalResponse?.getStatus() ?? 0) : 0;
  // A 2xx answer that does not follow the protocol comes from something in between, such as a captive portal.
  if (status < 400) return unreachable();
  return status >= 500 || status === 409 || status === 423 || status === 429
    ? providerUnavailable()
    : new ProviderRefusal();
}
