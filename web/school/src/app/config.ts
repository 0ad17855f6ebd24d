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
  readonly role: string;
}

/** The file that the test bed serves. `email`… of its users are those of the emulator, never of a real account. */
interface StackFile extends TestBed {
  readonly projectId: string;
  readonly region?: string;
  readonly callablesUrl?: string;
  readonly apiUrl?: string;
}

/** The file that is deployed with the app: the configuration of the Firebase project, and where Greenroom is. */
type ProductionFile = FirebaseOptions & { readonly greenroom?: GreenroomOptions };

/** The rewrites of `firebase.json`. Its policy lets pages call no functions at Google's own address. */
const SAME_ORIGIN: GreenroomOptions = { callablesUrl: "/call/", apiUrl: "/api/" };

export const APP_CONFIG = new InjectionToken<AppConfig>("APP_CONFIG");

/** Read `firebase-config.json`; as long as that is empty, `stack.json` of the test bed. */
export async function loadConfig(): Promise<AppConfig> {
  const { greenroom, ...firebase } = await read<ProductionFile>("firebase-config.json");
  if (firebase.projectId !== undefined) return { firebase, greenroom: { ...SAME_ORIGIN, ...greenroom } };
  const { projectId, region, callablesUrl, apiUrl, authUrl, firestore, users } = await read<StackFile>("stack.json");
  return {
    firebase: { projectId, apiKey: "any-key-will-do", authDomain: location.host },
    greenroom: {
      ...SAME_ORIGIN,
      ...(region !== undefined && { region }),
      ...(callablesUrl !== undefined && { callablesUrl }),
      ...(apiUrl !== undefined && { apiUrl }),
    },
    testBed: { authUrl, firestore, users },
  };
}

async function read<T>(name: string): Promise<T> {
  const response = await fetch(`/${name}`, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${name} cannot be read: ${response.status}`);
  return (await response.json()) as T;
}
