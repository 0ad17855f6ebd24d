// The data layer of Kaltura's player, in node with a browser's XMLHttpRequest:
// node player_client.cjs URL PARTNER ENTRY KS (an empty KS lets the player take a widget's session).
// Prints one JSON object of what it found, or of its error.
global.XMLHttpRequest = require('xhr2');
global.self = global;
global.window = global;
global.status = '';
global.document = { location: { href: 'http://localhost/' }, referrer: '', createElement: () => ({ canPlayType: () => '' }) };
// It logs to the console, where only the answer belongs.
console.log = console.info = console.debug = console.warn = console.error;
const { Provider } = require('@playkit-js/playkit-js-providers/ovp-provider');

const [url, partner, entryId, ks] = process.argv.slice(2);

async function main() {
  const provider = new Provider({
    partnerId: Number(partner),
    ks: ks || undefined,
    env: { serviceUrl: `${url}/api_v3`, cdnUrl: url },
    logLevel: 'ERROR',
  }, '3.17.0');
  try {
    const found = await provider.getMediaConfig({ entryId });
    process.stdout.write(JSON.stringify({ session: found.session, sources: found.sources }));
  } catch (error) {
    const { category, code, severity, data } = error;
    if (category === undefined) throw error;
    process.stdout.write(JSON.stringify({ error: { category, code, severity, data } }));
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
