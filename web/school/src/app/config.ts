import { InjectionToken } from "@angular/core";
import type { FirebaseOptions } from "firebase/app";
import type { GreenroomOptions } from "greenroom/core";

/** The configuration of this app. */
export interface AppConfig {
  readonly firebase: FirebaseOptions;
  readonly greenroom: GreenroomOptions;

  /** The emulators of the test bed, if it serves the app. */
  readonly testBed?: TestBed;
}

/** Where the emulators listen, and the users who can sign in there. */
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

/** The file `stack.json` of the test bed. Its users exist only in the emulator. */
interface StackFile extends TestBed {
  readonly projectId: string;
  readonly region?: string;
  readonly callablesUrl?: string;
  readonly apiUrl?: string;
}

/** The file `firebase-config.json`, which is deployed with the app: the Firebase project, and where Greenroom is. */
type ProductionFile = FirebaseOptions & { readonly greenroom?: GreenroomOptions };

/** The rewrites of `firebase.json`. Its Content-Security-Policy does not allow calls to the functions' own URLs. */
const SAME_ORIGIN: GreenroomOptions = { callablesUrl: "/call/", apiUrl: "/api/" };

export const APP_CONFIG = new InjectionToken<AppConfig>("APP_CONFIG");

/** Read `firebase-config.json` or, while that is empty, `stack.json`. */
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
  if (!response.ok) throw new Error(`Cannot read ${name}: status ${response.status}`);
  return (await response.json()) as T;
}
