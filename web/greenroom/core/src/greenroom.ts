import type { FirebaseApp } from "firebase/app";
import { type Firestore, getFirestore } from "firebase/firestore";
import { type Functions, getFunctions, httpsCallable, httpsCallableFromURL } from "firebase/functions";

import { toGreenroomError } from "./to-greenroom-error";
import type { Callables } from "./schema/types";

/** The name of a callable, without prefix; docs/api.md lists them. */
export type CallableName = keyof Callables;
/** The data that a callable takes. */
export type RequestOf<Name extends CallableName> = Callables[Name]["request"];
/** The data that a callable returns. */
export type AnswerOf<Name extends CallableName> = Callables[Name]["answer"];

/** Where a deployment of Greenroom is. The names in capitals are its settings. */
export interface GreenroomOptions {
  /** The region of the functions: `FUNCTIONS_REGION`. `us-central1` unless set. */
  region?: string;

  /** The prefix of each function's name, such as `gr-`: `FUNCTIONS_PREFIX`. Empty unless set. */
  functionsPrefix?: string;

  /** The database that Greenroom uses: `FIRESTORE_DATABASE`. `(default)` unless set. */
  databaseId?: string;

  /**
   * The URL that a callable's name, with its prefix, is appended to, such as `/call/`, if Firebase Hosting rewrites it
   * to the functions. The functions' own URLs unless set.
   */
  callablesUrl?: string;

  /** The URL of the REST API, such as `/api/`, if Firebase Hosting rewrites it. The function's own URL unless set. */
  apiUrl?: string;

  /**
   * The origins that deliver videos, such as `https://cdnapisec.kaltura.com`. A player connects to them while it asks
   * for the URLs of a video, so that the first picture comes sooner.
   */
  deliveryOrigins?: readonly string[];
}

/** A deployment of Greenroom, used by one Firebase app. Everything else in this library takes it. */
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
   * Call a callable function.
   *
   * @param name The name without prefix.
   * @throws GreenroomError if the server refuses the request, or cannot be reached.
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
