import { stack } from "./stack";

const OWNER = { authorization: "Bearer owner", "content-type": "application/json" };

/** The fields of a document in Firestore's REST format, such as `{ title: { stringValue: "Optics" } }`. */
export type RestFields = Readonly<Record<string, any>>;

/** Read a document with the rights of the server. */
export async function readDocument(path: string): Promise<RestFields> {
  const answer = await fetch(addressOf(path), { headers: OWNER });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).fields;
}

/** Change fields of a document with the rights of the server. */
export async function changeDocument(path: string, fields: RestFields): Promise<void> {
  const mask = Object.keys(fields).map((name) => `updateMask.fieldPaths=${name}`);
  const url = `${addressOf(path)}?${["currentDocument.exists=true", ...mask].join("&")}`;
  const answer = await fetch(url, { method: "PATCH", headers: OWNER, body: JSON.stringify({ fields }) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

/** Return a timestamp, so many seconds from now. */
export function instant(seconds = 0): RestFields {
  return { timestampValue: new Date(Date.now() + seconds * 1000).toISOString() };
}

function addressOf(path: string): string {
  return `${stack.firestoreUrl}/v1/projects/${stack.projectId}/databases/(default)/documents/${path}`;
}
