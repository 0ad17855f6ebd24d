// Kaltura's TypeScript client, in node with a browser's XMLHttpRequest: node typescript_client.cjs URL KS.
// Prints one JSON object of what it saw.
global.XMLHttpRequest = require('xhr2');
const { KalturaBrowserHttpClient, KalturaMultiRequest } = require('kaltura-typescript-client');
const { MediaAddAction } = require('kaltura-typescript-client/types/MediaAddAction');
const { MediaGetAction } = require('kaltura-typescript-client/types/MediaGetAction');
const { MediaListAction } = require('kaltura-typescript-client/types/MediaListAction');
const { MediaDeleteAction } = require('kaltura-typescript-client/types/MediaDeleteAction');
const { KalturaMediaEntry } = require('kaltura-typescript-client/types/KalturaMediaEntry');
const { KalturaMediaEntryFilter } = require('kaltura-typescript-client/types/KalturaMediaEntryFilter');
const { KalturaMediaType } = require('kaltura-typescript-client/types/KalturaMediaType');

const [url, ks] = process.argv.slice(2);

async function main() {
  const client = new KalturaBrowserHttpClient({ endpointUrl: url, clientTag: 'tests' });
  client.ks = ks;
  const entry = new KalturaMediaEntry({ name: 'typed', mediaType: KalturaMediaType.video, referenceId: 'ts-1' });
  const added = await client.request(new MediaAddAction({ entry }));
  const filter = new KalturaMediaEntryFilter({ referenceIdEqual: 'ts-1', statusIn: '7' });
  const listed = await client.request(new MediaListAction({ filter }));
  const second = new KalturaMediaEntry({ name: 'in a batch', mediaType: KalturaMediaType.video });
  const answers = await client.multiRequest(new KalturaMultiRequest(
    new MediaAddAction({ entry: second }),
    new MediaGetAction({ entryId: '' }).setDependency(['entryId', 0, 'id']),
    new MediaGetAction({ entryId: '0_nothing' }),
    new MediaDeleteAction({ entryId: '' }).setDependency(['entryId', 0, 'id']),
  ));
  let refused = null;
  try {
    await client.request(new MediaGetAction({ entryId: '0_nothing' }));
  } catch (error) {
    refused = { code: error.code, message: error.message };
  }
  process.stdout.write(JSON.stringify({
    added: { id: added.id, isTyped: added instanceof KalturaMediaEntry, mediaType: added.mediaType, createdAt: added.createdAt },
    listed: { ids: listed.objects.map((each) => each.id), totalCount: listed.totalCount },
    batch: answers.map((each) => ({ id: each.result && each.result.id, error: each.error && each.error.code })),
    refused,
  }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
