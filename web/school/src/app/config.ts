import { InjectionToken } from "@angular/core";
import type { FirebaseOptions } from "firebase/app";
import type { GreenroomOptions } from "greenroom/core";

/** What this app has to know of the project that it is served from. */
export interface AppConfig {
  readonly firebase: FirebaseOptions;
  readonly greenroom: GreenroomOptions;

  /** Of the test bed: where its emulators listen, and who can sign in there. */
  readonly testBed?: TestBed;
}

export interface TestBed {
  readonly authUrl: string;
  readonly firestore: { readonly host: string; readonly port: number };
  readonly users: readonly DemoUser[];
}

export interface DemoUser {
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly role: "teacher" | "student" | "admin";
}

/** The file that the test bed serves. `email`… of its users are those of the emulator, never of a real account. */
interface StackFile extends TestBed {
  readonly projectId: string;
  readonly region?: string;
  readonly callablesUrl?: string;
  readonly apiUrl?: string;
}

/** The file that is deployed with the app: `firebase apps:sdkconfig web`, and where Greenroom is. */
interface ProductionFile {
  readonly firebase: FirebaseOptions;
  readonly greenroom?: GreenroomOptions;
}

export const APP_CONFIG = new InjectionToken<AppConfig>("APP_CONFIG");

/** Read `/firebase-config.json` if it was deployed, else `/stack.json` of the test bed. */
export async function loadConfig(): Promise<AppConfig> {
  const production = await read<ProductionFile>("/firebase-config.json");
  if (production !== undefined) return { firebase: production.firebase, greenroom: production.greenroom ?? {} };
  const stack = await read<StackFile>("/stack.json");
  if (stack === undefined) throw new Error("Neither /firebase-config.json nor /stack.json can be read.");
  const { projectId, region, callablesUrl, apiUrl, authUrl, firestore, users } = stack;
  return {
    firebase: { projectId, apiKey: "any-key-will-do", authDomain: location.host },
    greenroom: {
      ...(region !== undefined && { region }),
      ...(callablesUrl !== undefined && { callablesUrl }),
      ...(apiUrl !== undefined && { apiUrl }),
    },
    testBed: { authUrl, firestore, users },
  };
}

/** Hosting answers with the app itself where there is no such file, so only JSON counts. */
async function read<T>(path: string): Promise<T | undefined> {
  const response = await fetch(path, { cache: "no-cache" });
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  return response.ok && isJson ? ((await response.json()) as T) : undefined;
}
