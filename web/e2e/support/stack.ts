/** The running stack, from `emulator_tests/browser`. */
export interface Stack {
  /** The app; below it callables at `/call/` and the REST API at `/api/`. */
  readonly siteUrl: string;
  readonly projectId: string;
  readonly region: string;
  readonly authUrl: string;
  readonly firestoreUrl: string;
  /** The URL that the name of an HTTP function is appended to. */
  readonly functionsUrl: string;
  /** Host and port of the functions emulator. */
  readonly functionsHost: string;
  readonly kalturaUrl: string;
  readonly cloudflareUrl: string;
  readonly storageUrl: string;
  /** The WebSocket of the chat server. */
  readonly chatUrl: string;
  /** The control interface of the proxies between browser and servers; see `Line`. */
  readonly linesUrl: string;
  readonly resolverRules: string;
  /** The path of the browser. */
  readonly chromium: string;
  /** The path of a video of 12 s. */
  readonly testPicture: string;
  readonly users: readonly StackUser[];
}

export interface StackUser {
  readonly uid: string;
  readonly name: "teacher" | "student" | "stranger" | "admin";
  readonly email: string;
  readonly password: string;
  readonly role: string;
}

const configuration = process.env["STACK"];
if (configuration === undefined) throw new Error("Browser tests need a running stack. Run them with `make browser`.");

export const stack: Stack = JSON.parse(configuration);

/** Return one of the stack's initial users. */
export function userOf(name: StackUser["name"]): StackUser {
  const found = stack.users.find((user) => user.name === name);
  if (found === undefined) throw new Error(`The stack has no user ${name}.`);
  return found;
}

/** Ask the control interface of a simulator, such as `things`, `clock`, `faults` or `broadcast`. */
export async function simulator(
  provider: "kaltura" | "cloudflare",
  method: "GET" | "POST" | "DELETE",
  name: string,
  body?: unknown,
): Promise<any> {
  const url = `${provider === "kaltura" ? stack.kalturaUrl : stack.cloudflareUrl}/_simulator/${name}`;
  const request: RequestInit = { method, headers: { "content-type": "application/json" } };
  const answer = await fetch(url, body === undefined ? request : { ...request, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
