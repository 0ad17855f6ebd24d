// Answers firebase-tools in place of Google, for one project that has what was deployed to it.
// Used by deploying_beside.cjs. It replaces `fetch`: firebase-tools itself is as it is.

const NUMBER = "1234567890";
const REGION = "us-central1";
const LOCAL = /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])/;

class Project {
  /**
   * @param {string} id
   * @param {string[]} databases Firestore databases that exist.
   * @param {string[]} secrets Secrets that exist.
   */
  constructor(id, databases, secrets) {
    this.id = id;
    /** By name of the resource: what it is, and in `revision` which write of the whole project was its last. */
    this.resources = {};
    this.revision = 0;
    for (const name of databases) this.write(`databases/${name}`, { locationId: "eur3", databaseEdition: "STANDARD" });
    for (const name of secrets) this.write(`secrets/${name}`, {});
    this.write("policy", { bindings: [] });
  }

  write(name, content) {
    this.revision += 1;
    this.resources[name] = { ...content, revision: this.revision };
    return this.resources[name];
  }

  /** Returns the content of all resources below a name, with their names. */
  below(prefix) {
    return Object.entries(this.resources).filter(([name]) => name.startsWith(prefix));
  }

  /**
   * Returns the answer to a request as [status, body].
   */
  answer(method, url, body) {
    const { hostname } = url;
    const path = decodeURIComponent(url.pathname)
      .replace(/^\/v[0-9][a-z0-9]*\//, "")
      .replace(`projects/${this.id}/`, "")
      .replace(`projects/${NUMBER}/`, "");
    if (path.endsWith(":testIamPermissions")) return [200, { permissions: body.permissions }];
    const service = this[hostname.replace(".googleapis.com", "")];
    return service ? service.call(this, method, path, body, url) : undefined;
  }

  www() {
    return [200, { access_token: "a token", expires_in: 3600, token_type: "Bearer" }];
  }

  serviceusage() {
    return [200, { state: "ENABLED" }];
  }

  cloudbilling() {
    return [200, { billingEnabled: true }];
  }

  firebase(method, path) {
    return path.endsWith("adminSdkConfig")
      ? [200, { projectId: this.id, storageBucket: `${this.id}.appspot.com` }]
      : [200, { projectId: this.id, projectNumber: NUMBER, resources: { hostingSite: this.id } }];
  }

  cloudresourcemanager(method, path, body) {
    if (path.endsWith(":getIamPolicy")) return [200, this.resources.policy];
    if (path.endsWith(":setIamPolicy")) return [200, this.write("policy", body.policy)];
    return [200, { projectId: this.id, projectNumber: NUMBER }];
  }

  cloudfunctions(method, path, body, url) {
    if (path.endsWith(":generateUploadUrl")) {
      return [200, { uploadUrl: "https://storage.googleapis.com/source", storageSource: { bucket: "b", object: "o" } }];
    }
    if (path.includes("operations/")) {
      const function_ = this.resources[path.slice(path.indexOf("operations/") + "operations/".length)];
      return [200, { done: true, response: function_ ?? {} }];
    }
    if (method === "GET") {
      const listed = this.below("locations/").filter(([name]) => name.includes("/functions/"));
      const generation = url.pathname.startsWith("/v2") ? listed : [];
      return [200, { functions: generation.map(([, function_]) => function_) }];
    }
    const name = method === "POST" ? `${path}/${url.searchParams.get("functionId")}` : path;
    if (method === "DELETE") {
      delete this.resources[name];
    } else {
      const id = name.slice(name.lastIndexOf("/") + 1);
      const runs = `projects/${this.id}/locations/${REGION}/services/${id.toLowerCase()}`;
      const uri = `https://${id.toLowerCase()}.a.run.app`;
      this.write(name, {
        ...body,
        state: "ACTIVE",
        serviceConfig: { ...body.serviceConfig, service: runs, uri },
        url: uri,
      });
    }
    return [200, { name: `operations/${name}` }];
  }

  run(method, path, body) {
    const name = path.replace(/:[gs]etIamPolicy$/, "");
    if (path.endsWith(":setIamPolicy")) return [200, this.write(`${name}/policy`, body.policy)];
    if (path.endsWith(":getIamPolicy")) return [200, this.resources[`${name}/policy`] ?? {}];
    return method === "GET" ? [200, { name }] : undefined;
  }

  cloudtasks(method, path, body) {
    if (/:[a-zA-Z]+$/.test(path)) return undefined;
    return this.stored(method, method === "POST" ? body.name.replace(/^projects\/[^/]*\//, "") : path, body);
  }

  cloudscheduler(method, path, body) {
    return this.stored(method, method === "POST" ? body.name.replace(/^projects\/[^/]*\//, "") : path, body);
  }

  /** A service whose requests are those of a file system. */
  stored(method, name, body) {
    if (method !== "GET") return [200, this.write(name, body)];
    return name in this.resources
      ? [200, this.resources[name]]
      : [404, { error: { status: "NOT_FOUND", message: name } }];
  }

  secretmanager(method, path, body) {
    const name = path.replace(/(\/versions.*|:[gs]etIamPolicy)$/, "");
    if (!(name in this.resources)) return [404, { error: { status: "NOT_FOUND", message: name } }];
    if (path.endsWith(":setIamPolicy")) return [200, this.write(`${name}/policy`, body.policy)];
    if (path.endsWith(":getIamPolicy")) return [200, this.resources[`${name}/policy`] ?? {}];
    const version = { name: `projects/${this.id}/${name}/versions/1`, state: "ENABLED" };
    return [200, path.includes("/versions") ? version : { name: `projects/${this.id}/${name}`, labels: {} }];
  }

  firestore(method, path, body) {
    const [database] = path.match(/^databases\/[^/]+/) ?? [""];
    if (!(database in this.resources)) {
      return method === "POST" ? undefined : [404, { error: { status: "NOT_FOUND", message: database } }];
    }
    if (method === "GET") {
      if (path === database) return [200, { name: `projects/${this.id}/${path}`, ...this.resources[path] }];
      const kind = path.endsWith("/indexes") ? "indexes" : "fields";
      const found = this.below(`${database}/`).filter(([name]) => name.includes(`/${kind}/`));
      return [200, { [kind]: found.map(([name, content]) => ({ name: `projects/${this.id}/${name}`, ...content })) }];
    }
    if (method === "DELETE") {
      delete this.resources[path];
      return [200, {}];
    }
    if (method === "PATCH") {
      return [200, this.write(path, body.ttlConfig ? { ...body, ttlConfig: { state: "ACTIVE" } } : body)];
    }
    // Firestore orders every index by the document's name at last.
    const fields = [...body.fields, { fieldPath: "__name__", order: body.fields.at(-1).order ?? "ASCENDING" }];
    return [200, this.write(`${path}/${this.revision}`, { ...body, fields, state: "READY" })];
  }

  firebaserules(method, path, body) {
    const full = (name) => ({ name: `projects/${this.id}/${name}`, ...this.resources[name] });
    if (path.endsWith(":test")) return [200, {}];
    if (path === "releases" && method === "GET")
      return [200, { releases: this.below("releases/").map(([name]) => full(name)) }];
    if (path === "rulesets" && method === "POST") {
      const name = `rulesets/${this.revision}`;
      this.write(name, body);
      return [200, full(name)];
    }
    if (method === "GET") return this.stored(method, path, body);
    const release = (body.release ?? body).name.replace(`projects/${this.id}/`, "");
    if (method !== "POST" && !(release in this.resources))
      return [404, { error: { status: "NOT_FOUND", message: release } }];
    return [200, this.write(release, { ...(body.release ?? body), createTime: new Date().toISOString() })];
  }

  firebasehosting(method, path, body) {
    if (path.endsWith("/sites"))
      return [200, { sites: [{ name: `projects/${this.id}/sites/${this.id}`, type: "DEFAULT_SITE" }] }];
    if (path.endsWith("/versions")) {
      const name = `sites/${this.id}/versions/${this.revision}`;
      this.write(name, body);
      return [200, { name }];
    }
    if (path.endsWith(":populateFiles"))
      return [200, { uploadUrl: "https://upload.example", uploadRequiredHashes: [] }];
    if (path.endsWith("/releases") && method === "POST")
      return [200, this.write(`sites/${this.id}/release`, { version: this.revision })];
    return [200, method === "GET" ? {} : this.write(path, body)];
  }

  firebaseextensions() {
    return [200, { instances: [] }];
  }

  compute() {
    return [200, { defaultServiceAccount: `${NUMBER}-compute@developer.gserviceaccount.com` }];
  }

  runtimeconfig() {
    return [200, {}];
  }

  artifactregistry(method, path) {
    const kept = { action: "DELETE", condition: { olderThan: "86400s" } };
    return method === "GET"
      ? [200, { name: path, cleanupPolicies: { "firebase-functions-cleanup": kept } }]
      : undefined;
  }

  storage() {
    return [200, {}];
  }
}

/** Has everything that is asked of Google answered by the project; other requests to the world are refused. */
function answerAll(project) {
  const real = globalThis.fetch;
  globalThis.fetch = async (address, options = {}) => {
    if (LOCAL.test(address)) return real(address, options);
    const url = new URL(address);
    const sent = typeof options.body === "string" && options.body.startsWith("{") ? JSON.parse(options.body) : {};
    const method = options.method ?? "GET";
    const answer = project.answer(method, url, sent);
    if (!answer) process.stderr.write(`not known: ${method} ${url}\n`);
    const [status, body] = answer ?? [501, { error: { status: "UNIMPLEMENTED", message: `${method} ${url}` } }];
    return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
  };
}

module.exports = { Project, answerAll };
