// firebase-tools asks a codebase which functions it has at a free port, from 8081 on for Python. Of two that look at the
// same moment both take the first, and one of them asks the other's functions. TESTBED_LANE keeps them apart, as in
// network.py. Loaded into everything here that has firebase-tools discover functions. Seen with firebase-tools 15.34.2.
const portfinder = require(require.resolve("portfinder", { paths: [require.resolve("firebase-tools")] }));

const findPort = portfinder.getPortPromise;
const firstPort = 10_000 + 500 * Number(process.env.TESTBED_LANE ?? 0);
portfinder.getPortPromise = () => findPort({ port: firstPort });
