// Uploads a file with tus-js-client to an address that exists already, as a browser does; prints what it saw.
// Called by test_cloudflare_uploads.py: node tus_client.cjs UPLOAD_URL FILE CHUNK_BYTES [ABORT_AFTER_BYTES]
const fs = require("node:fs");
const tus = require("tus-js-client");

const [, , uploadUrl, file, chunkSize, abortAfter] = process.argv;
const size = fs.statSync(file).size;

function start(from) {
  const seen = [];
  const upload = new tus.Upload(fs.createReadStream(file), {
    uploadUrl,
    uploadSize: size,
    chunkSize: Number(chunkSize),
    retryDelays: null,
    storeFingerprintForResuming: false,
    onError: (error) => {
      console.log(JSON.stringify({ error: String(error.message || error) }));
      process.exitCode = 1;
    },
    onProgress: (sent) => {
      seen.push(sent);
      if (abortAfter && !from && sent >= Number(abortAfter)) {
        upload.abort().then(() => start(sent));
      }
    },
    onSuccess: () => console.log(JSON.stringify({ sent: seen.at(-1), first: seen[0], resumedAfter: from || 0 })),
  });
  upload.start();
}

start(0);
