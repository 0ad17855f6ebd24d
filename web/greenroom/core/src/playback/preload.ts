/** Let the browser open connections to origins, for requests without credentials such as those of hls.js. */
export function preconnect(origins: readonly string[]): void {
  for (const origin of origins) {
    const link = document.createElement("link");
    link.rel = "preconnect";
    link.crossOrigin = "anonymous";
    link.href = origin;
    // The browser acts as soon as the link is in the document, and does not need it afterwards.
    document.head.append(link);
    link.remove();
  }
}

/** Load hls.js ahead, so that a click on a video does not wait for it. Rejects if it cannot be loaded. */
export async function preloadPlayer(): Promise<void> {
  await import("hls.js");
}
