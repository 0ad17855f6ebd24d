/** The page of `make bench AREA=upload`: sends one file with this library, and as other clients do. */
import { Greenroom, Uploads } from "greenroom/core";
import { initializeApp } from "firebase/app";
import { Upload } from "tus-js-client";

const KALTURA_CHUNK_BYTES = 5_000_000;

function ours(file: File, url: string): Promise<void> {
  const greenroom = new Greenroom(initializeApp({ projectId: "bench", apiKey: "none" }), {
    callablesUrl: `${url}/call/`,
  });
  const uploads = new Uploads(greenroom, "teacher");
  return new Promise((resolve, reject) => {
    uploads.summary.subscribe(({ items: [item] }) => {
      if (item?.state === "sent") resolve();
      if (item?.state === "failed" || item?.state === "waiting") reject(item.error);
    });
    void uploads.add([file], { sessionId: "bench" });
  });
}

/** Upload like kaltura-ng's upload adapter: one chunk after another, each at the offset of the last answer. */
async function kalturaNg(file: File, url: string): Promise<void> {
  for (let at = 0; at < file.size;) {
    const end = Math.min(file.size, at + KALTURA_CHUNK_BYTES);
    const form = new FormData();
    const fields = {
      ks: "ks",
      uploadTokenId: "token",
      resume: at > 0,
      resumeAt: at || -1,
      finalChunk: end === file.size,
    };
    for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
    form.set("fileData", file.slice(at, end), file.name);
    at = await new Promise<number>((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${url}/kaltura/closing`);
      request.upload.onprogress = () => undefined;
      request.onload = () =>
        resolve(Number((JSON.parse(request.responseText) as { uploadedFileSize: number }).uploadedFileSize));
      request.onerror = () => reject(new Error("The connection broke."));
      request.send(form);
    });
  }
}

function tusDefault(file: File, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    new Upload(file, { endpoint: `${url}/tus`, onSuccess: () => resolve(), onError: reject }).start();
  });
}

const WAYS = { "kaltura-ours": ours, "tus-ours": ours, "kaltura-ng": kalturaNg, "tus-default": tusDefault };

declare global {
  interface Window {
    send: (way: keyof typeof WAYS, url: string) => Promise<number>;
  }
}

window.send = async (way, url) => {
  const file = document.querySelector("input")?.files?.[0] as File;
  const began = performance.now();
  await WAYS[way](file, url);
  return (performance.now() - began) / 1000;
};
