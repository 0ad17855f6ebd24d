// Speaks to a library with bunnycdn-stream; prints what each call gave, or the code of its error.
// Called by test_bunny.py: node bunny_client.cjs URL LIBRARY_ID API_KEY FILE
const fs = require("node:fs");
const { BunnyCdnStream } = require("bunnycdn-stream");

const [, , url, videoLibrary, apiKey, file] = process.argv;

function client(key) {
  const made = new BunnyCdnStream({ apiKey: key, videoLibrary });
  // It has no option for another address than Bunny's own.
  made.ky = made.ky.extend({ prefixUrl: url, retry: 0 });
  return made;
}

async function main() {
  const bunny = client(apiKey);
  const made = await bunny.createVideo({ title: "A lecture" });
  const uploaded = await bunny.uploadVideo(fs.readFileSync(file), made.guid);
  let seen = await bunny.getVideo(made.guid);
  const ends = Date.now() + 10_000;
  while (seen.statusName !== "Finished" && Date.now() < ends) seen = await bunny.getVideo(made.guid);
  await bunny.updateVideo(made.guid, { title: "Another" });
  const listed = await bunny.listVideos({ search: "anoth", itemsPerPage: 5 });
  const deleted = await bunny.deleteVideo(made.guid);
  const errors = [];
  for (const ask of [() => bunny.getVideo(made.guid), () => bunny.deleteVideo(made.guid), () => client("no").listVideos()]) {
    errors.push(await ask().then(() => 0, (error) => error.code));
  }
  const { items, totalItems } = listed;
  const titles = items.map((one) => one.title);
  const { statusName, resolutions, encodeProgress, length } = seen;
  console.log(JSON.stringify({ uploaded, statusName, resolutions, encodeProgress, length, titles, totalItems, deleted, errors }));
}

main();
