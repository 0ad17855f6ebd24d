import { randomUUID } from "node:crypto";

import { stack } from "./stack";

export interface NewUser {
  readonly uid: string;
  readonly email: string;
  readonly password: string;
}

/** Create another teacher, as an administrator's script would. */
export async function createTeacher(): Promise<NewUser> {
  const [email, password] = [`${randomUUID()}@example.com`, randomUUID()];
  const accounts = `/identitytoolkit.googleapis.com/v1/projects/${stack.projectId}/accounts`;
  const { localId: uid } = await ask(accounts, { email, password, displayName: "colleague" });
  await ask(`${accounts}:update`, { localId: uid, customAttributes: JSON.stringify({ teacher: true }) });
  return { uid, email, password };
}

async function ask(path: string, body: object): Promise<any> {
  const headers = { authorization: "Bearer owner", "content-type": "application/json" };
  const answer = await fetch(stack.authUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
