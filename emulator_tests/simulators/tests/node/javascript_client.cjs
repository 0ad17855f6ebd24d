// A lesson's life by Kaltura's JavaScript client: node javascript_client.cjs URL PARTNER SECRET FILE.
// Prints one JSON object of what it saw.
const fs = require('fs');
const kaltura = require('kaltura-client');

const [url, partner, secret, file] = process.argv.slice(2);
const { services, objects, enums } = kaltura;
const CHUNK_BYTES = 20000;

function connect() {
  const config = new kaltura.Configuration();
  config.serviceUrl = url;
  // The client logs whole requests to a logger of its own kind only.
  config.setLogger({});
  return new kaltura.Client(config);
}

async function refusal(builder, client) {
  try {
    await builder.execute(client);
  } catch (error) {
    return { code: error.code, message: error.message, objectType: error.objectType, args: error.args };
  }
  return null;
}

async function upload(client, tokenId, bytes) {
  let answer;
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES);
    const last = at + chunk.length === bytes.length;
    answer = await services.uploadToken.upload(tokenId, Buffer.from(chunk), at > 0, last, at).execute(client);
  }
  return answer;
}

async function main() {
  const seen = {};
  const client = connect();
  seen.ping = await services.system.ping().execute(client);
  const ks = await services.session
    .start(secret, 'ann', enums.SessionType.ADMIN, Number(partner), 600, 'disableentitlement').execute(client);
  client.setKs(ks);

  const wanted = new objects.MediaEntry({ name: 'a lesson', mediaType: enums.MediaType.VIDEO, referenceId: 'node-1', tags: 'x,y' });
  const entry = await services.media.add(wanted).execute(client);
  const bytes = fs.readFileSync(file);
  const token = await services.uploadToken.add(new objects.UploadToken({ fileName: 'lesson.mp4', fileSize: bytes.length })).execute(client);
  await services.media.addContent(entry.id, new objects.UploadedFileTokenResource({ token: token.id })).execute(client);
  seen.uploaded = await upload(client, token.id, bytes);
  seen.entry = await services.media.get(entry.id).execute(client);

  const filter = new objects.MediaEntryFilter({ referenceIdIn: 'node-1,node-2', statusIn: '2' });
  seen.list = await services.media.listAction(filter, new objects.FilterPager({ pageSize: 5 })).execute(client);
  seen.flavors = await services.flavorAsset.listAction(new objects.FlavorAssetFilter({ entryIdEqual: entry.id })).execute(client);

  seen.batch = await services.media.add(new objects.MediaEntry({ name: 'in a batch', mediaType: enums.MediaType.VIDEO }))
    .add(services.media.get('{1:result:id}'))
    .add(services.media.update('{2:result:id}', new objects.MediaEntry({ name: 'renamed {1:result:id}' })))
    .add(services.media.get('0_nothing'))
    .add(services.media.deleteAction('{3:result:id}'))
    .execute(client);

  const starts = Math.floor(Date.now() / 1000) + 400000000;
  seen.event = await services.scheduleEvent.add(new objects.LiveStreamScheduleEvent({
    summary: 'a meeting', startDate: starts, endDate: starts + 3600,
    recurrenceType: enums.ScheduleEventRecurrenceType.NONE, referenceId: 'node-event',
  })).execute(client);
  seen.refusals = {
    missing: await refusal(services.media.get('0_nothing'), client),
    readOnly: await refusal(services.media.add(new objects.MediaEntry({ id: '0_mine', mediaType: 1 })), client),
    noSession: await refusal(services.media.listAction(), connect()),
  };
  await services.media.deleteAction(entry.id).execute(client);
  seen.afterDelete = await refusal(services.media.get(entry.id), client);
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
