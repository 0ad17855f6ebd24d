// Makes the calls that stand in standard input, by Kaltura's JavaScript client: node calling_client.cjs URL < CALLS.
// CALLS is a list of {ks, service, action, data, batched}; prints a list of {error} or {answer}, in their order.
const kaltura = require('kaltura-client');

const [url] = process.argv.slice(2);
const TOGETHER = 8;

function connect(ks) {
  const config = new kaltura.Configuration();
  config.serviceUrl = url;
  config.setLogger({});
  const client = new kaltura.Client(config);
  client.setKs(ks);
  return client;
}

async function answered({ ks, service, action, data, batched }) {
  const request = () => new kaltura.RequestBuilder(service, action, { ...data });
  try {
    if (!batched) return { answer: await request().execute(connect(ks)) };
    const [answer] = await kaltura.services.system.ping().add(request()).execute(connect(ks)).then((all) => all.slice(1));
    return answer && answer.objectType === 'KalturaAPIException' ? { error: answer.code } : { answer };
  } catch (error) {
    return { error: error.code || String(error) };
  }
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const calls = JSON.parse(Buffer.concat(chunks));
  const seen = [];
  for (let at = 0; at < calls.length; at += TOGETHER) {
    seen.push(...await Promise.all(calls.slice(at, at + TOGETHER).map(answered)));
  }
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
