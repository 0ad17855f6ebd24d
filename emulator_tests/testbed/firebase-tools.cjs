// Loaded into firebase-tools by stack.py, before anything else: three things that it does not let us set.

// The Auth emulator starts in 2 s instead of 9 s. It compiles a validator for each parameter of its API, and with each of
// these several hundred validators ajv compiles the schema of schemas anew, only to check that the emulator's own,
// unchanging API description is well formed. Requests are still validated as before. Seen with firebase-tools 15.34.2,
// exegesis 4.3.0, ajv 8.20.0.
const { Ajv } = require("ajv");

Ajv.prototype.validateSchema = () => true;

// No event is lost on its way to a function. The functions emulator keeps connections to its Python servers, which close
// theirs after two idle seconds; a request that meets the closing one fails with "socket hang up", and a trigger's event
// is then gone. Seen with firebase-tools 15.34.2, gunicorn 27.0.1.
const http = require("node:http");

http.globalAgent = new http.Agent({ keepAlive: false });

// Stacks that start at the same time do not list each other's functions. firebase-tools looks for a free port from 8081
// on, and starts a Python server there a moment later, for each codebase. Seen with firebase-tools 15.34.2.
const portfinder = require("portfinder");

const { getPortPromise } = portfinder;
portfinder.getPortPromise = (options) =>
  getPortPromise({ ...options, port: 10_000 + Math.floor(Math.random() * 9_000) });
