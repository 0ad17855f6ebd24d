import type { FirebaseApp } from "firebase/app";
import { type Firestore, getFirestore } from "firebase/firestore";
import { type Functions, getFunctions, httpsCallable, httpsCallableFromURL } from "firebase/functions";

import { toGreenroomError } from "./to-greenroom-error";
import type { Callables } from "./schema/types";

export type CallableName = keyof Callables;
export type RequestOf<Name extends CallableName> = Callables[Name]["request"];
export type AnswerOf<Name extends CallableName> = Callables[Name]["answer"];

/** Where a deployment of Greenroom is. */
export interface GreenroomOptions {
  /** Of the functions: `FUNCTIONS_REGION`. `us-central1` unless set. */
  region?: string;

  /** What stands before the name of each function, such as `gr-`: `FUNCTIONS_PREFIX`. Nothing unless set. */
  functionsPrefix?: string;

  /** The database that Greenroom uses: `FIRESTORE_DATABASE`. `(default)` unless set. */
  databaseId?: string;

  /**
   * The address that a callable's name, with its prefix, is appended to, such as `/call/`, if Firebase Hosting rewrites
   * it to the functions. Without it, callables are called at Google's own address.
   */
  callablesUrl?: string;

  /** The address of the function `api`, such as `/api/`. Without it, Google's own address of the function. */
  apiUrl?: string;

  /**
   * Where the provider delivers videos from, such as `https://cdnapisec.kaltura.com`. A player connects to them while
   * it asks for the addresses of a video, so that its first picture comes sooner.
   */
  deliveryOrigins?: readonly string[];
}

/** A deployment of Greenroom, as one app of Firebase sees it. Everything else in this library takes it. */
export class Greenroom {
  readonly firestore: Firestore;
  readonly functions: Functions;

  constructor(
    readonly app: FirebaseApp,
    readonly options: GreenroomOptions = {},
  ) {
    this.firestore = options.databaseId === undefined ? getFirestore(app) : getFirestore(app, options.databaseId);
    this.functions = getFunctions(app, options.region);
  }

  /**
   * Call a function by its name without prefix.
   *
   * @throws GreenroomError
   */
  async call<Name extends CallableName>(name: Name, request: RequestOf<Name>): Promise<AnswerOf<Name>> {
    const fullName = `${this.options.functionsPrefix ?? ""}${name}`;
    const { callablesUrl } = this.options;
    const callable =
      callablesUrl === undefined
        ? httpsCallable<RequestOf<Name>, AnswerOf<Name>>(this.functions, fullName)
        : httpsCallableFromURL<RequestOf<Name>, AnswerOf<Name>>(
            this.functions,
            new URL(`${callablesUrl}${fullName}`, document.baseURI).href,
          );
    try {
      return (await callable(request)).data;
    } catch (error) {
      throw toGreenroomError(error);
    }
  }
}
